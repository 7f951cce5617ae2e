"""An event loop in a thread of its own, so that plain code can use what is asynchronous.

Called by `sync_client`. Refuses work after its end, and from its own thread, where waiting for it would be
for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

END_SECONDS = 10.0


class LoopThread:
    """Runs until `end`, which awaits `close` last. May be used from any thread but its own."""

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self._close, self._ended = close, False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="atoll client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is cancelled if nobody waits for it any more."""
        if self._ended or threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError(
                "The client is closed." if self._ended else "The client is called from its own callback."
            )
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # KeyboardInterrupt too: what nobody waits for must not go on
            future.cancel()
            raise

    def end(self) -> None:
        """Cancel what runs, close, and end the thread."""
        self._ended = True
        self._loop.call_soon_threadsafe(self._wind_up_then_stop)
        self._thread.join(END_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def _wind_up_then_stop(self) -> None:
        ending = self._loop.create_task(self._wind_up(), name="end of the atoll client")
        ending.add_done_callback(lambda _: self._loop.stop())

    async def _wind_up(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._close()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()
