"""The window: work that waits, best first; bounded by those who fill it.

Each region's reader holds at most its share of messages, and the wanted walk one batch, so the window
needs no limit of its own and putting work back can never fail. While the gate is shut nothing is
handed out: what is best is decided when the node can take it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from replicator.gate import NodeGate
from replicator.priority import Rank
from replicator.work import Work, rank_of


class Window:
    """A priority queue that closes; among equals the first come goes first."""

    def __init__(self, gate: NodeGate) -> None:
        self._gate = gate
        self._heap: list[tuple[Rank, int, Work]] = []
        self._numbers = count()
        self._woken = asyncio.Event()
        self._closed = False
        gate.on_open(self._woken.set)

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, work: Work) -> None:
        """Let `work` wait for its turn. After `close` it is dropped: its message is given back unanswered."""
        if not self._closed:
            heapq.heappush(self._heap, (rank_of(work), next(self._numbers), work))
            self._woken.set()

    async def take(self) -> Work | None:
        """The best piece of work, once there is one and the node takes orders; None after `close`."""
        while not self._closed:
            if self._heap and self._gate.is_open:
                return heapq.heappop(self._heap)[2]
            self._woken.clear()
            await self._woken.wait()
        return None

    def take_alike(self, fits: Callable[[Work], bool], most: int) -> list[Work]:
        """What would be taken next, at once, as long as it fits and there are less than `most`."""
        taken: list[Work] = []
        while len(taken) < most and self._heap and self._gate.is_open and fits(self._heap[0][2]):
            taken.append(heapq.heappop(self._heap)[2])
        return taken

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        self._heap.clear()
        self._woken.set()
