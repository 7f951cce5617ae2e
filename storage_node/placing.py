"""The end of the durable write path, for uploads, pulls, repairs: a synced file into place, then the commit.

From the rename to the commit under the blob's lock (see blob_locks.py). No thread waits for the commit: many
share one, and each thread that waited would have to be woken for it. The lock is taken by the thread that
renames and released by the index's writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from storage_node.blob_locks import BlobLocks, HeldLocks, Lock
from storage_node.index import Index
from storage_node.index_reads import IndexReads
from storage_node.index_writer import Operation
from storage_node.store import BlobKey, BlobStore, Staged

T = TypeVar("T")


@dataclass(frozen=True)
class Placement(Generic[T]):
    """Synced bytes, where they belong, and what to commit then."""

    staged: Staged
    key: BlobKey
    operation: Operation[T]


class Placer:
    """Runs in the node's writer threads."""

    def __init__(self, store: BlobStore, index: Index, locks: BlobLocks) -> None:
        self._store, self._index, self._locks = store, index, locks

    def place(self, staged: Staged, key: BlobKey, operation: Operation[T]) -> Future[T]:
        """Publish the file and begin the commit; the future is set once that is durable.

        When `operation` raises or returns False, no file stays that nothing refers to.
        """
        lock = self._locks.of(key.sha256)
        lock.acquire()
        try:
            self._store.publish(staged, key)
            committed = self._index.write(operation)
        except BaseException:
            try:
                take_back(self._store, self._index, key)
            finally:
                lock.release()
            raise
        committed.add_done_callback(partial(self._settle, key, lock))
        return committed

    def place_all(self, some: Sequence[Placement[T]]) -> list[Future[T]]:
        """The same for several, each with an outcome of its own: one trip to the disk for all their names,
        and mostly one commit."""
        held = self._locks.acquire_all(each.key.sha256 for each in some)
        outcomes: Sequence[BaseException | None]
        try:
            outcomes = self._store.publish_all([(each.staged, each.key) for each in some])
        except BaseException as error:  # noqa: BLE001 - whatever it is: locks that stay stop a node for ever
            outcomes = [error] * len(some)
        return [self._begin(each, outcome, held) for each, outcome in zip(some, outcomes, strict=True)]

    def _begin(self, one: Placement[T], failed: BaseException | None, held: HeldLocks) -> Future[T]:
        """Its commit, or why there is none."""
        committed: Future[T] = Future()
        try:
            if failed is not None:
                raise failed
            committed = self._index.write(one.operation)
        except BaseException as error:  # noqa: BLE001 - as above; who waits for the future gets it
            committed.set_exception(error)
        committed.add_done_callback(partial(self._settle, one.key, held))
        return committed

    def _settle(self, key: BlobKey, lock: Lock | HeldLocks, committed: Future[T]) -> None:
        """In the index's writer thread, before whoever waits hears of it."""
        try:
            if committed.exception() is not None or committed.result() is False:
                take_back(self._store, self._index, key)
        finally:
            lock.release()


def take_back(store: BlobStore, index: IndexReads, key: BlobKey) -> None:
    """Remove a blob's file that nothing refers to. Under the blob's lock.

    A record is enough to keep it, also of a blob that the index does not hold: while a lost index is being
    rebuilt these may be the only copy of what was acknowledged (rebuild.py), and bytes that are wanted are
    found where they lie (reclaim.py).
    """
    if index.blob(key.bucket, key.sha256) is None and not index.needs(key.bucket, key.sha256):
        store.remove(key)
