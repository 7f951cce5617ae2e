"""CPU seconds of an operation: of this process with all its threads, and of the engines it asks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

import psutil

T = TypeVar("T")


class Cpu:
    """Counts this process and those of `pids`, with all that they start. A tick of the others is 10 ms:
    measure for a second or so. `waits`: count what is waited instead, for an engine on another machine.
    """

    def __init__(self, pids: Iterable[int] = (), *, waits: bool = False) -> None:
        self._others = [psutil.Process(pid) for pid in pids]
        self._own = time.perf_counter if waits else time.process_time

    def now(self) -> float:
        """Seconds so far."""
        return sum(map(_of_all, self._others)) + self._own()

    def each(self, operation: Callable[[T], object], over: Sequence[T]) -> float:
        """Seconds of CPU for one of them, as a mean."""
        began = self.now()
        for item in over:
            operation(item)
        return (self.now() - began) / len(over)

    async def each_awaited(self, operation: Callable[[T], Awaitable[object]], over: Sequence[T]) -> float:
        """The same, one after the other."""
        others, own = sum(map(_of_all, self._others)), self._own()
        for item in over:
            await operation(item)
        own = self._own() - own  # without what it takes to ask for the others'
        return (sum(map(_of_all, self._others)) - others + own) / len(over)


def _of_all(process: psutil.Process) -> float:
    """Of a process and those below it, also those that have ended and were waited for."""
    seconds = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds
