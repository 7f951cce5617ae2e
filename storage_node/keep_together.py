"""Copies whose bytes are here at the same moment, made durable in one job of a writer's thread.

A job handed to a thread and back, the thread's own waking, the names' fsyncs and the commit cost several
times what one more copy in them does. Copies of one turn of the loop go together, as those do that were
fetched together (fetch_together.py). Called by pull.py.

In one job the files are fsynced one after the other. Where that takes long, as on a disk that turns, they are
kept apart for a while: many threads that wait for the disk share its waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from storage_node.fetch import Fetched
from storage_node.index_writer import Operation
from storage_node.keep import Copy, Keeper
from storage_node.thread_answer import ThreadAnswer

MOST = 8  # copies in one job
LONG_SECONDS, APART_SECONDS = 0.1, 1.0  # a job that took longer, and how long all are kept apart then


class KeepTogether:
    """Loop-thread only. `writers` are the threads that wait for the disk; `clock` is monotonic."""

    def __init__(
        self, keeper: Keeper, writers: Executor, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keeper, self._writers, self._clock = keeper, writers, clock
        self._apart_until = 0.0
        self._waiting: list[Copy] = []
        self._beginning: asyncio.Handle | None = None

    async def keep(self, fetched: Fetched, commit: Operation[bool]) -> bool:
        """As `Keeper.keep`, once that is durable. Whoever goes away stops nothing."""
        copy = Copy(fetched, commit, ThreadAnswer())
        if fetched.staged is not None:  # large: its fsync would hold the others up
            self._submit([copy])
        else:
            self._waiting.append(copy)
            if self._beginning is None:
                self._beginning = asyncio.get_running_loop().call_soon(self._begin)
        return await copy.answer.here

    def _begin(self) -> None:
        self._beginning = None
        copies, self._waiting = self._waiting, []
        try:
            most = MOST if self._clock() >= self._apart_until else 1
            for start in range(0, len(copies), most):
                self._submit(copies[start : start + most])
        except RuntimeError as error:  # the threads have ended: nobody may wait for them for ever
            for copy in copies:
                copy.answer.fail(error)

    def _keep_all(self, some: list[Copy]) -> None:
        """In a writer's thread."""
        begun = self._clock()
        self._keeper.keep_all(some)
        if (now := self._clock()) - begun > LONG_SECONDS:
            self._apart_until = now + APART_SECONDS

    def _submit(self, some: list[Copy]) -> None:
        if len(some) > 1:
            self._writers.submit(self._keep_all, some)
            return
        (alone,) = some
        work = partial(self._keeper.keep, alone.fetched, alone.commit)
        alone.answer.begin(self._writers, work)
