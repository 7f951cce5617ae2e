"""The durable end of a pull or repair: fetched bytes into the store, then into the index. Blocking.

The same order as an upload's: bytes fsynced, renamed into place, directory fsynced, index committed
(placing.py). When the commit refuses, because a delete came first, the file is taken away again unless
another record uses it.
"""

from __future__ import annotations

from concurrent.futures import Future

from storage_node.blob_locks import BlobLocks
from storage_node.fetch import Fetched
from storage_node.index import Index
from storage_node.index_writer import Operation
from storage_node.placing import Placer
from storage_node.store import BlobStore, Staged


class Keeper:
    """Runs in the node's writer threads."""

    def __init__(self, store: BlobStore, index: Index, locks: BlobLocks) -> None:
        self._store, self._placer = store, Placer(store, index, locks)

    def keep(self, fetched: Fetched, commit: Operation[bool]) -> Future[bool]:
        """Put the blob in place and begin the commit: True once it is durable, False when it is refused.

        Uses `fetched` up.
        """
        staged = fetched.staged or self._stage(fetched)
        try:
            staged.sync()
            return self._placer.place(staged, fetched.key, commit)
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
