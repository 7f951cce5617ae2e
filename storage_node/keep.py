"""The durable end of a pull or repair: fetched bytes into the store, then into the index. Blocking.

The same order as an upload's: bytes fsynced, renamed into place, directory fsynced, index committed –
from the rename to the commit under the blob's lock (see blob_locks.py). When the commit refuses, because
a delete came first, the file is taken away again unless another record uses it.
"""

from __future__ import annotations

from storage_node.blob_locks import BlobLocks
from storage_node.fetch import Fetched
from storage_node.index import HeldBlob, Index
from storage_node.index_writer import Operation
from storage_node.store import BlobKey, BlobStore, Staged


class Keeper:
    """Runs in the node's writer threads."""

    def __init__(self, store: BlobStore, index: Index, locks: BlobLocks) -> None:
        self._store, self._index, self._locks = store, index, locks

    def keep(self, fetched: Fetched, commit: Operation[bool]) -> HeldBlob | None:
        """Make the blob durable and commit it; None when `commit` refused it. Uses `fetched` up."""
        staged = fetched.staged or self._stage(fetched)
        try:
            staged.sync()
            with self._locks.of(fetched.key.sha256):
                return self._publish(staged, fetched.key, commit)
        finally:
            staged.discard()

    def _stage(self, fetched: Fetched) -> Staged:
        assert fetched.body is not None
        staged = self._store.stage()
        try:
            staged.write(fetched.body)
        except BaseException:
            staged.discard()
            raise
        return staged

    def _publish(self, staged: Staged, key: BlobKey, commit: Operation[bool]) -> HeldBlob | None:
        self._store.publish(staged, key)
        try:
            kept = self._index.write(commit).result()
        finally:
            held = self._index.blob(key.bucket, key.sha256)
            if held is None:  # refused, or the commit failed: no other record uses the file
                self._store.remove(key)
        return held if kept else None
