"""Memory of a process and all its workers together, sampled until told to stop.

PSS shares out what several processes have in common (the interpreter, the libraries), so that their sum is
what they really take; RSS counts it for each of them. Linux only, as PSS is; elsewhere RSS stands for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import NamedTuple

import psutil

_SAMPLE_SECONDS = 0.01


class Memory(NamedTuple):
    """MB of all together."""

    pss: float
    rss: float

    def most(self, other: Memory) -> Memory:
        """The higher of each."""
        return Memory(max(self.pss, other.pss), max(self.rss, other.rss))


def memory(process: psutil.Process) -> Memory:
    """Now."""
    pss = rss = 0
    for each in (process, *process.children(recursive=True)):
        try:
            found = each.memory_full_info()
        except psutil.NoSuchProcess:  # replaced just now
            continue
        pss += getattr(found, "pss", found.rss)
        rss += found.rss
    return Memory(pss / 1e6, rss / 1e6)


async def peak_while(process: psutil.Process, work: Awaitable[object]) -> Memory:
    """The highest of each until `work` is done."""
    peak = memory(process)
    task = asyncio.ensure_future(work)
    while not task.done():
        peak = peak.most(await asyncio.to_thread(memory, process))
        await asyncio.wait({task}, timeout=_SAMPLE_SECONDS)
    await task
    return peak.most(memory(process))
