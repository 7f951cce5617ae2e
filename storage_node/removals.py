"""What deletes mean on the disk: files out of service, into the trash, and erased when due.

The index says what is to be done (`unlinks`, `trash`), and each step may be repeated, so a crash at any
point is taken up again at the next start. A file is touched under its blob's lock and only after another
look at the index: the same bytes may have been uploaded again, or restored, a moment ago.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from atoll.errors import AtollError
from storage_node import index_trash
from storage_node.blob_locks import BlobLocks
from storage_node.derivative_store import DerivativeStore
from storage_node.disk_trash import DiskTrash
from storage_node.index import Index
from storage_node.index_deletes import purged, removed
from storage_node.jobs.export_removal import ExportRemoval
from storage_node.membership import Membership
from storage_node.memories import Memories, NoOthers
from storage_node.origin import Origin
from storage_node.ram_cache import RamCache
from storage_node.store import BlobKey, BlobStore

log = logging.getLogger(__name__)

T = TypeVar("T")

_BATCH = 64
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 30.0


class Removals:
    """`writers` are the threads that rename and unlink."""

    def __init__(
        self,
        store: BlobStore,
        trash: DiskTrash,
        index: Index,
        locks: BlobLocks,
        origin: Origin,
        ram: RamCache,
        writers: Executor,
        membership: Membership,
        derivatives: DerivativeStore,
        exports: ExportRemoval,
        memories: Memories | None = None,
    ) -> None:
        self._memories = memories or NoOthers()
        self._store, self._trash, self._index, self._locks = store, trash, index, locks
        self._origin, self._ram, self._writers, self._membership = origin, ram, writers, membership
        self._derivatives, self._exports = derivatives, exports
        self._removing, self._purging = asyncio.Lock(), asyncio.Lock()
        self._something_new = asyncio.Event()  # that is due earlier than what `run` waits for, perhaps

    async def resume(self) -> int:
        """Take out of service what deletes left to remove; how many. `StoreFailed` when the disk refuses one:
        then the others are out of service all the same."""
        done = 0
        failed: list[BaseException] = []
        last: BlobKey | None = None
        async with self._removing:
            while keys := await self._in_thread(partial(self._index.unlinks, _BATCH, last)):
                last = keys[-1]
                await self._forget(keys)
                steps = (self._in_thread(partial(self._remove, key)) for key in keys)
                outcomes = await asyncio.gather(*steps, return_exceptions=True)
                # Once more: who began to read between the two had the file, and put it into memory again.
                await self._forget(keys)
                done += sum(outcome is True for outcome in outcomes)
                failed += [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if done:
            self._something_new.set()
        if failed:
            raise failed[0]
        return done

    def look(self) -> None:
        """A commit may have deleted something beside what it was for: `run` looks at once."""
        self._something_new.set()

    async def purge(self) -> int:
        """Erase what lay in the trash long enough; how many. `StoreFailed` when the disk refuses."""
        done = 0
        async with self._purging:
            while keys := await self._in_thread(self._due):
                if not (gone := await self._each(self._purge, keys)):
                    break
                done += gone
        return done

    async def run(self) -> None:
        """At the start, when something is due, and now and then after a crash or a failing disk."""
        while True:
            await self._membership.is_member()
            try:
                if count := await self.resume():
                    log.info("took files of earlier deletes out of service", extra={"files": count})
                if count := await self.purge():
                    log.info("erased files from the trash", extra={"files": count})
                self._something_new.clear()
                wait = await self._in_thread(self._next)
            except AtollError as error:
                log.error("files of deleted blobs cannot be removed now: %s", error.detail)
                wait = _LONGEST_SECONDS
            await self._rest(wait)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._something_new.wait(), seconds)
        except TimeoutError:
            return

    async def _forget(self, keys: list[BlobKey]) -> None:
        """No memory of this node has these any more, nor takes them from a read that has begun."""
        for key in keys:
            self._ram.drop(key.bucket, key.sha256)
        await self._memories.forget([(key.bucket, key.sha256) for key in keys])

    def _due(self) -> list[BlobKey]:
        return self._index.read(lambda db: index_trash.due(db, self._origin.now_ms(), _BATCH))

    def _next(self) -> float:
        due = self._index.read(index_trash.next_due)
        wait = _LONGEST_SECONDS if due is None else (due - self._origin.now_ms()) / 1000
        return max(_SHORTEST_SECONDS, min(wait, _LONGEST_SECONDS))

    def _remove(self, key: BlobKey) -> bool:
        """False when the bytes came back meanwhile."""
        with self._locks.of(key.sha256):
            found = self._index.read(lambda db: index_trash.burial(db, key))
            if found.needed:
                return False
            erase = found.keep_until <= self._origin.now_ms()
            if erase:
                self._store.remove(key)
                self._trash.erase(key)
                self._exports.of_blob(key)
            else:
                self._trash.bury(key)
            self._store.remove_quarantined(key)
            self._derivatives.drop(key.bucket, key.sha256)
            self._index.write(removed(key, self._origin, erased=erase)).result()
            return True

    def _purge(self, key: BlobKey) -> bool:
        """Also where a blob in service would lie: a restore may have ended between the file's move and its
        commit."""
        with self._locks.of(key.sha256):
            now = self._origin.now_ms()
            found = self._index.read(lambda db: index_trash.burial(db, key))
            erased = found.keep_until <= now and not found.needed
            if found.keep_until <= now:
                self._trash.erase(key)
            if erased:
                self._store.remove(key)
                self._exports.of_blob(key)
            self._index.write(purged(key, now, erased=erased)).result()
            return True

    async def _each(self, work: Callable[[BlobKey], bool], keys: list[BlobKey]) -> int:
        return sum(await asyncio.gather(*(self._in_thread(partial(work, key)) for key in keys)))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writers, work)
