"""Deletes: the tombstone first, durably, then the files, then the receipt of each.

The tombstone and the list of files to unlink are one commit, so a crash at any point is taken up again
at the next start. A file is unlinked under its blob's lock and only if the index still holds no such
blob: the same bytes may have been uploaded again a moment ago.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from atoll.errors import AtollError, Conflict
from atoll.model import Tombstone
from atoll.node_api import DeleteOrder, DeleteResult
from storage_node.blob_locks import BlobLocks
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone, make_tombstone, unlinked
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.ram_cache import RamCache
from storage_node.store import BlobKey, BlobStore

log = logging.getLogger(__name__)

T = TypeVar("T")

_BATCH = 64
_RETRY_SECONDS = 30.0


class Deletes:
    """`writers` are the threads that unlink."""

    def __init__(
        self,
        store: BlobStore,
        index: Index,
        locks: BlobLocks,
        origin: Origin,
        ram: RamCache,
        writers: Executor,
    ) -> None:
        self._store, self._index, self._locks, self._origin = store, index, locks, origin
        self._ram, self._writers = ram, writers
        self._sweeping = asyncio.Lock()

    async def order(self, order: DeleteOrder) -> DeleteResult:
        """Delete all versions of an asset here; durable on return. Repeating it gives the same tombstone."""
        self._check_set(order.set)
        stone = await self._commit(make_tombstone(order, self._origin))
        await self._sweep_now()
        return DeleteResult(stone, self._origin.node)

    async def apply(self, stone: Tombstone) -> bool:
        """Take a tombstone made elsewhere; False when it was known."""
        self._check_set(stone.set)
        applied = await self._commit(apply_tombstone(stone))
        await self._sweep_now()
        return applied

    async def resume_unlinks(self) -> int:
        """Unlink what deletes left to unlink; how many files. `StoreFailed` when the disk refuses."""
        done = 0
        async with self._sweeping:
            while keys := await self._in_thread(partial(self._index.unlinks, _BATCH)):
                for key in keys:
                    self._ram.drop(key.bucket, key.sha256)
                unlinks = [self._in_thread(partial(self._unlink, key)) for key in keys]
                if not (gone := sum(await asyncio.gather(*unlinks))):
                    break
                done += gone
        return done

    async def run(self) -> None:
        """At the start, and now and then, take up what a crash or a failing disk left behind."""
        while True:
            try:
                if count := await self.resume_unlinks():
                    log.info("unlinked files of earlier deletes", extra={"files": count})
            except AtollError as error:
                log.error("files of deleted blobs cannot be unlinked now: %s", error.detail)
            await asyncio.sleep(_RETRY_SECONDS)

    def _check_set(self, set_name: str) -> None:
        if set_name != self._origin.set:
            raise Conflict(f"This node holds set {self._origin.set!r}.", set=set_name)

    async def _sweep_now(self) -> None:
        """The tombstone is durable, so the delete has succeeded, whatever the disk says now."""
        try:
            await self.resume_unlinks()
        except AtollError as error:
            log.error("a deleted blob's file is unlinked later: %s", error.detail)

    def _unlink(self, key: BlobKey) -> bool:
        """False when the bytes came back meanwhile."""
        with self._locks.of(key.sha256):
            if self._index.blob(key.bucket, key.sha256) is not None:
                return False
            self._store.remove(key)
            self._store.remove_quarantined(key)
            self._index.write(unlinked(key, self._origin)).result()
            return True

    async def _commit(self, operation: Operation[T]) -> T:
        return await self._in_thread(lambda: self._index.write(operation).result())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writers, work)
