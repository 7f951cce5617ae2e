"""One flight per thing: callers who want the same work at the same time share it.

Owns the tasks. A caller that goes away takes nothing from the others: the work goes on and its result is
there for who comes next. A result that must be cleaned up (`release`) lives until its last caller has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from atoll.errors import Overloaded

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class _Flight(Generic[R]):
    def __init__(self, task: asyncio.Task[R]) -> None:
        self.task = task
        self.callers = 0


class Flights(Generic[K, R]):
    """`async with flights.join(key, work) as result`. More than `limit` at once: `Overloaded`."""

    def __init__(
        self, name: str, limit: int, release: Callable[[R], Awaitable[None] | None] = lambda _: None
    ) -> None:
        self._name, self._limit, self._release = name, limit, release
        self._flights: dict[K, _Flight[R]] = {}
        self._releases: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: K) -> bool:
        return key in self._flights

    @asynccontextmanager
    async def join(self, key: K, work: Callable[[], Coroutine[Any, Any, R]]) -> AsyncIterator[R]:
        """The result of `work`, done once for all who ask while it is under way or its result in use."""
        flight = self._flights.get(key) or self._start(key, work)
        flight.callers += 1
        try:
            yield await asyncio.shield(flight.task)
        finally:
            flight.callers -= 1
            self._land(key, flight)

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """The same for results that need no cleaning up."""
        async with self.join(key, work) as result:
            return result

    async def close(self) -> None:
        """Cancel what is under way and await it."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._releases, return_exceptions=True)

    def _start(self, key: K, work: Callable[[], Coroutine[Any, Any, R]]) -> _Flight[R]:
        if len(self._flights) >= self._limit:
            raise Overloaded(f"Too many {self._name} are under way.", limit=self._limit, retry_after=1)
        flight = _Flight(asyncio.create_task(work(), name=f"{self._name} {key}"))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: K, flight: _Flight[R]) -> None:
        """Forget a flight that is done and has no callers left, and clean its result up."""
        if flight.callers or not flight.task.done() or self._flights.get(key) is not flight:
            return
        del self._flights[key]
        if flight.task.cancelled() or flight.task.exception() is not None:
            return
        cleaning = self._release(flight.task.result())
        if cleaning is not None:
            future = asyncio.ensure_future(cleaning)
            self._releases.add(future)
            future.add_done_callback(self._releases.discard)
