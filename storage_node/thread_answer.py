"""The one way back from a thread, and from the commit it began, to the loop.

A thread writes and begins the commit; the index's writer finishes it. Futures chained to futures would come
back to the loop twice, and a thread that waited for the commit would have to be woken for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

T = TypeVar("T")


class ThreadAnswer(Generic[T]):
    """Made in the loop. A waiter that went away is not told, and stops nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.here: asyncio.Future[T] = self._loop.create_future()

    def begin(self, threads: Executor, work: Callable[[], Future[T]]) -> None:
        """Do `work` in a thread; `here` is what the future it returns comes to, or what it raises."""
        threads.submit(self._work, work)

    def _work(self, work: Callable[[], Future[T]]) -> None:
        try:
            committed = work()
        except BaseException as error:  # noqa: BLE001 - the thread's edge: whatever it is, the waiter gets it
            self.fail(error)
        else:
            self.follow(committed)

    def fail(self, error: BaseException) -> None:
        """There will be no answer but this. From any thread."""
        self._loop.call_soon_threadsafe(self._fail, error)

    def follow(self, committed: Future[T]) -> None:
        """The answer is what this comes to. From any thread."""
        committed.add_done_callback(self._settle)

    def _settle(self, committed: Future[T]) -> None:
        """What the index says, in its writer's thread."""
        error = committed.exception()
        if error is not None:
            self._loop.call_soon_threadsafe(self._fail, error)
        else:
            self._loop.call_soon_threadsafe(self._give, committed.result())

    def _give(self, result: T) -> None:
        if not self.here.done():
            self.here.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.here.done():
            self.here.set_exception(error)
