"""Work in a thread whose owner stays until it is done.

A thread cannot be cancelled. Who left it behind, and then closed what it writes to, would let it write into
whatever file has that descriptor's number next; or it would make a file anew that has just been removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(threads: Executor, work: Callable[[], T]) -> T:
    """What `work` gives. Whoever is cancelled, however often, goes only when the thread is done with it."""
    working = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([working])
        raise
