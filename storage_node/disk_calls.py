"""Work on the disk for those who cannot wait for ever: not begun when it fails, given up when it hangs.

A thread that hangs in a system call cannot be ended, only left behind: it comes back when the disk does.
So nothing new is given to the threads once the disk is known to fail, and they run out of work, not room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from storage_node.disk_probe import DiskHealth, no_answer

T = TypeVar("T")

READ_SECONDS = 5.0  # for one look at the index, or one read of what fits into memory


class DiskReads:
    """Blocking reads in `threads`, each within `seconds`."""

    def __init__(self, threads: Executor, disk: DiskHealth, seconds: float = READ_SECONDS) -> None:
        self.threads, self._disk, self._seconds = threads, disk, seconds

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns; `StoreFailed` when the disk gives no answer."""
        if self._disk.failing:
            raise no_answer()
        reading = asyncio.get_running_loop().run_in_executor(self.threads, work)
        try:
            async with asyncio.timeout(self._seconds):
                return await reading
        except TimeoutError as error:
            if reading.done() and not reading.cancelled():
                return reading.result()  # a machine that stood still finds the time over and the answer there
            raise no_answer() from error

    async def end(self, work: Callable[[], None]) -> None:
        """Have `work` done, which raises nothing: also on a disk that fails, and when whoever waits leaves.

        For what must not be left undone: a file to be closed. Waits no longer than `run`, and tells nobody.
        """
        ending = asyncio.get_running_loop().run_in_executor(self.threads, work)
        await asyncio.wait([ending], timeout=self._seconds)
