"""The end of the durable write path, for uploads, pulls, repairs: a synced file into place, then the commit.

From the rename to the commit under the blob's lock (see blob_locks.py). No thread waits for the commit: many
share one, and each thread that waited would have to be woken for it. The lock is taken by the thread that
renames and released by the index's writer.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import TypeVar

from storage_node.blob_locks import BlobLocks
from storage_node.index import Index
from storage_node.index_writer import Operation
from storage_node.store import BlobKey, BlobStore, Staged

T = TypeVar("T")


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
                self._take_back(key)
            finally:
                lock.release()
            raise
        committed.add_done_callback(partial(self._settle, key, lock))
        return committed

    def _settle(self, key: BlobKey, lock: Lock, committed: Future[T]) -> None:
        """In the index's writer thread, before whoever waits hears of it."""
        try:
            if committed.exception() is not None or committed.result() is False:
                self._take_back(key)
        finally:
            lock.release()

    def _take_back(self, key: BlobKey) -> None:
        if self._index.blob(key.bucket, key.sha256) is None:
            self._store.remove(key)
