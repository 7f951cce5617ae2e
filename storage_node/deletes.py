"""Deletes: the tombstone first, durably; then what it means on the disk (removals.py).

A delete has succeeded once its tombstone is durable, whatever the disk says of the files then.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from atoll.errors import AtollError, Conflict
from atoll.model import Tombstone
from atoll.node_api import DeleteOrder, DeleteResult
from atoll.usage import BucketDeletes
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone, make_tombstone
from storage_node.index_rows import tombstone_version
from storage_node.index_usage import delete_some
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.removals import Removals

log = logging.getLogger(__name__)

T = TypeVar("T")


class Deletes:
    """`trash_seconds`: how long this node's deletes can be taken back. `writers` wait for the index."""

    def __init__(
        self, index: Index, origin: Origin, removals: Removals, writers: Executor, trash_seconds: int
    ) -> None:
        self._index, self._origin, self._removals = index, origin, removals
        self._writers, self._trash_seconds = writers, trash_seconds

    async def order(self, order: DeleteOrder) -> DeleteResult:
        """Delete all versions of an asset here; durable on return. Repeating it gives the same tombstone."""
        self._check_set(order.set)
        stone, earlier = await self._commit(self._ordered(order))
        await self._remove_now()
        return DeleteResult(stone, self._origin.node, earlier)

    async def apply(self, stone: Tombstone) -> bool:
        """Take a tombstone made elsewhere; False when it was known."""
        self._check_set(stone.set)
        applied = await self._commit(apply_tombstone(stone, self._origin))
        await self._remove_now()
        return applied

    async def some_of(self, order: BucketDeletes) -> int:
        """Delete some of a bucket's assets, durably on return; how many: 0, there are none."""
        count = await self._commit(delete_some(order, self._origin, self._trash_seconds))
        await self._remove_now()
        return count

    def _ordered(self, order: DeleteOrder) -> Operation[tuple[Tombstone, bool]]:
        make = make_tombstone(order, self._origin, self._trash_seconds)

        def operation(db: sqlite3.Connection) -> tuple[Tombstone, bool]:
            before = tombstone_version(db, order.asset_id)
            stone = make(db)
            return stone, stone.version == before

        return operation

    def _check_set(self, set_name: str) -> None:
        if set_name != self._origin.set:
            raise Conflict(f"This node holds set {self._origin.set!r}.", set=set_name)

    async def _remove_now(self) -> None:
        try:
            await self._removals.resume()
            await self._removals.purge()
        except AtollError as error:
            log.error("a deleted blob's file is removed later: %s", error.detail)

    async def _commit(self, operation: Operation[T]) -> T:
        work: Callable[[], T] = lambda: self._index.write(operation).result()  # noqa: E731 - typed
        return await asyncio.get_running_loop().run_in_executor(self._writers, work)
