"""The window: work that waits, best first; bounded by those who fill it.

Each region's reader holds at most its share of messages, and the wanted walk one batch, so the window
needs no limit of its own and putting work back can never fail. While the gate is shut nothing is
handed out: what is best is decided when the node can take it. Small uploads wait for the answer to those
before them, and go together then (company.py).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Protocol

from replicator.company import Company, is_small
from replicator.priority import Rank
from replicator.work import Work, rank_of


class Gate(Protocol):
    """Whether work may be handed out: NodeGate, or for repair Behind."""

    @property
    def is_open(self) -> bool:
        """It may."""

    def on_open(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever it may have become open."""


class Window:
    """A priority queue that closes; among equals the first come goes first."""

    def __init__(self, gate: Gate, company: Company) -> None:
        self._gate, self._company = gate, company
        self._heap: list[tuple[Rank, int, Work]] = []
        self._numbers = count()
        self._turn = asyncio.Lock()  # one stands at the window, and news wake nobody else
        self._woken = asyncio.Event()
        self._closed = False
        self._emptied: Callable[[], None] = lambda: None
        gate.on_open(self._woken.set)

    def __len__(self) -> int:
        return len(self._heap)

    def on_empty(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the last that waited was taken."""
        self._emptied = listener

    def put(self, work: Work) -> None:
        """Let `work` wait for its turn. After `close` it is dropped: its message is given back unanswered."""
        if not self._closed:
            heapq.heappush(self._heap, (rank_of(work), next(self._numbers), work))
            self._company.came(work)
            self._woken.set()

    async def take(self) -> Work | None:
        """The best piece of work, once there is one and the node takes orders; None after `close`."""
        async with self._turn:
            while not self._closed:
                self._woken.clear()
                left = self._left()
                if left is not None and left <= 0:
                    return self._pop()
                await self._news(left)
        return None

    def _left(self) -> float | None:
        """Seconds until the best may go; None without any, or while the node takes no orders."""
        if not self._heap or not self._gate.is_open:
            return None
        return self._company.left(self._heap[0][2], len(self._heap))

    def _pop(self) -> Work:
        work = heapq.heappop(self._heap)[2]
        if is_small(work):
            self._company.gone()
        if not self._heap:
            self._emptied()
        return work

    async def _news(self, seconds: float | None) -> None:
        """Until something came, the node takes orders again, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    def take_small(self, most: int) -> list[Work]:
        """Small uploads that would be taken next, at once, as long as there are less than `most`."""
        taken: list[Work] = []
        while len(taken) < most and self._heap and self._gate.is_open and is_small(self._heap[0][2]):
            taken.append(self._pop())
        return taken

    @contextmanager
    def ordered(self, work: Work) -> Iterator[None]:
        """`work` is ordered, alone or with others like it; at the context's end it is answered."""
        if not is_small(work):
            yield
            return
        try:
            with self._company.ordered():
                yield
        finally:
            self._woken.set()

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._heap.clear()
        self._woken.set()
