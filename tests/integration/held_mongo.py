"""The catalog's database, with a writer that can be held up just before an operation: how two interleave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from query_service.mongo_driver import MongoDatabase

PATIENCE = 20.0


class Hold:
    """The `nth` call of `operation` on `collection` waits until `go_on`; `reached` when it is there."""

    def __init__(self, collection: str, operation: str, nth: int = 1) -> None:
        self._place, self._left = (collection, operation), nth
        self._reached, self._open = asyncio.Event(), asyncio.Event()

    async def reached(self) -> None:
        await asyncio.wait_for(self._reached.wait(), PATIENCE)

    def go_on(self) -> None:
        self._open.set()

    async def pass_by(self, collection: str, operation: str) -> None:
        """Called before each operation."""
        if (collection, operation) != self._place:
            return
        self._left -= 1
        if self._left == 0:
            self._reached.set()
            await asyncio.wait_for(self._open.wait(), PATIENCE)


class HeldMongo(MongoDatabase):
    """One writer's. The holds apply in any order."""

    def __init__(self, url: str, database: str) -> None:
        super().__init__(url, database, "pymongo", "test")
        self.holds: list[Hold] = []

    def hold(self, collection: str, operation: str, nth: int = 1) -> Hold:
        """From now on."""
        self.holds.append(Hold(collection, operation, nth))
        return self.holds[-1]

    def collection(self, name: str) -> Any:
        return _Held(super().collection(name), name, self)


class _Held:
    """A collection; `find` is no operation of its own, its cursor is."""

    def __init__(self, collection: Any, name: str, mongo: HeldMongo) -> None:
        self._collection, self._name, self._mongo = collection, name, mongo

    def __getattr__(self, operation: str) -> Any:
        real = getattr(self._collection, operation)
        return real if operation in {"find", "list_indexes"} else self._held(operation, real)

    def _held(self, operation: str, real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def held(*args: Any, **options: Any) -> Any:
            for hold in self._mongo.holds:
                await hold.pass_by(self._name, operation)
            return await real(*args, **options)

        return held
