"""The scrubber's thread: reads blobs through at the pace that scrub_rate.py gives, and never faster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

from storage_node.index import HeldBlob
from storage_node.scrub_look import read_through
from storage_node.scrub_rate import BLOB_COST, Pace
from storage_node.store import BlobStore

T = TypeVar("T")


class Ended(Exception):
    """The node stops; the blob under way counts as not read."""


class Circumstances(NamedTuple):
    """What the pace follows: load (0 to 1), blobs and bytes held, the age of the oldest check in seconds."""

    load: float
    blobs: int
    bytes: int
    oldest: float


class PacedReading:
    """`thread` is the scrubber's own; `now` is asked after each piece."""

    def __init__(
        self,
        store: BlobStore,
        thread: Executor,
        pace: Pace,
        now: Callable[[], Circumstances],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._thread, self.pace, self._now, self._clock = store, thread, pace, now, clock
        self._ending = threading.Event()
        self._began = 0.0
        self.bytes = 0

    @property
    def rate(self) -> float:
        """What is aimed at now, in bytes a second."""
        now = self._now()
        return self.pace.rate(now.blobs, now.bytes, now.oldest)

    async def run(self, work: Callable[[], T]) -> T:
        """Blocking work in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """End a rest that is under way, and what follows it; before the executor is shut down."""
        self._ending.set()

    def read(self, held: HeldBlob) -> None:
        """Read a copy through. `BadCopy`, `StoreFailed`, or `Ended`. Blocks, mostly in order to rest."""
        self._began = self._clock()
        read_through(self._store, held, self._rest)
        self._rest(BLOB_COST, 0)

    def _rest(self, cost: int, size: int | None = None) -> None:
        self.bytes += cost if size is None else size
        now, took = self._now(), self._clock() - self._began
        overdue = now.oldest >= self.pace.period
        if self._ending.wait(self.pace.pause(cost, took, self.rate, now.load, overdue=overdue)):
            raise Ended
        self._began = self._clock()
