"""Work that may never end, in a thread that nobody waits for: opening and reading pipes and terminals.

The threads of asyncio's own pool are waited for when the loop and the program end, so that Ctrl-C would not
end a command that reads from a pipe whose writer is silent. Called by `source`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises. Cancelled, this leaves the thread where it is, at most until the end."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # what is done after a cancellation is dropped in silence

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="own thread", daemon=True).start()
    return await asyncio.wrap_future(future)
