"""A worker's commits: bytes put in place here, the index written by home.

The same order as in placing.py, and the same lock (blob_locks.py) from the rename to the answer. When
home is gone the file stays: whether it was committed, only the next start can say.

What home refused is cleared away by a thread that never takes a blob's lock. Were it a writer's, the writers
could all be waiting for locks that only this work would release, and it for one of them.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from functools import partial

from atoll.model import AssetRecord
from storage_node.blob_locks import BlobLocks, Lock
from storage_node.commits import UploadCommit
from storage_node.index_reads import IndexReads
from storage_node.placing import take_back
from storage_node.store import BlobKey, BlobStore, Staged
from storage_node.workers import wire
from storage_node.workers.link import Link, LinkLost


class HomeCommits:
    """Made in the loop; `place` runs in the writers' threads. `cleaner` clears away what home refused, and
    ends after them."""

    def __init__(
        self, store: BlobStore, index: IndexReads, locks: BlobLocks, link: Link, cleaner: Executor
    ) -> None:
        self._store, self._index, self._locks, self._link = store, index, locks, link
        self._cleaner, self._loop = cleaner, asyncio.get_running_loop()

    def place(self, staged: Staged, commit: UploadCommit) -> Future[AssetRecord]:
        """See `Commits`."""
        lock, body = self._locks.of(commit.blob.sha256), wire.encode(commit)
        lock.acquire()
        try:
            self._store.publish(staged, commit.key)
            done: Future[AssetRecord] = Future()
            done.set_running_or_notify_cancel()
            self._loop.call_soon_threadsafe(self._ask, body, partial(self._heard, commit.key, lock, done))
        except BaseException:
            self._take_back(commit.key, lock)
            raise
        return done

    def _ask(self, body: bytes, heard: partial[None]) -> None:
        self._link.call(wire.COMMIT, body).add_done_callback(heard)

    def _heard(
        self, key: BlobKey, lock: Lock, done: Future[AssetRecord], answer: asyncio.Future[bytes]
    ) -> None:
        error = answer.exception()
        if error is None:
            lock.release()
            done.set_result(wire.decode(answer.result(), AssetRecord))
        elif isinstance(error, LinkLost):
            lock.release()
            done.set_exception(error)
        else:
            self._cleaner.submit(self._refused, key, lock, done, error)

    def _refused(self, key: BlobKey, lock: Lock, done: Future[AssetRecord], error: BaseException) -> None:
        """In the cleaner: no file stays that nothing refers to, and then whoever waits hears of it."""
        try:
            self._take_back(key, lock)
        finally:
            done.set_exception(error)

    def _take_back(self, key: BlobKey, lock: Lock) -> None:
        try:
            take_back(self._store, self._index, key)
        finally:
            lock.release()
