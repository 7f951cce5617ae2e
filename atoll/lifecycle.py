"""How a daemon lives: signals, named background tasks, and an ordered end.

A daemon's `app` is one coroutine `run(settings, stop)`: it builds everything in order on an
`AsyncExitStack`, waits for `stop`, and lets the stack unwind in reverse. `Tasks` owns its background
work: a task that dies stops the daemon, because half a daemon lies about its health.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any

import uvloop

from atoll.cancelling import cancel_and_wait as cancel_and_wait

log = logging.getLogger(__name__)


class Stop:
    """The one signal to end, and whether something failed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.failed = False

    def request(self, *, failed: bool = False) -> None:
        """Ask the daemon to end; may be called many times."""
        self.failed = self.failed or failed
        self._event.set()

    def requested(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return once the end was asked for."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> bool:
        """Sleep, but not past a stop; returns True when it is time to end."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Tasks:
    """Background tasks of one daemon; as a context it cancels and awaits them at its end."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` until the context ends. Returning early is fine; an exception stops the daemon."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.critical("task %s died; stopping", task.get_name(), exc_info=error)
        self._stop.request(failed=True)

    async def __aenter__(self) -> Tasks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancel_and_wait(self._tasks)


def run(main: Callable[[Stop], Awaitable[None]]) -> int:
    """Run a daemon's main coroutine on uvloop until SIGINT or SIGTERM; returns the exit code."""

    async def _main() -> int:
        stop = Stop()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.request)
        await main(stop)
        return 1 if stop.failed else 0

    # A thread that comes back from a system call must not wait 5 ms for the loop to let go of the GIL. And
    # sixteen of them must not ask for it every half millisecond: a fifth of a busy node's CPU went there.
    sys.setswitchinterval(0.002)
    return uvloop.run(_main())
