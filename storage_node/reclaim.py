"""Bytes that lie on this disk and that the index does not hold: taken back into service instead of pulled.

They lie in the trash (the asset was restored, or its bytes came again), or in place while a lost index is
being rebuilt (rebuild.py). Read and hashed before anything is believed. Blocking; runs in writer threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from atoll.errors import AtollError
from atoll.model import AssetRecord
from storage_node.blob_locks import BlobLocks
from storage_node.disk_trash import DiskTrash
from storage_node.index import HeldBlob, Index
from storage_node.index_rows import is_covered
from storage_node.index_trash import burial
from storage_node.index_writer import Operation
from storage_node.store import BlobKey

T = TypeVar("T")


class Reclaimer:
    """See the module."""

    def __init__(self, trash: DiskTrash, index: Index, locks: BlobLocks) -> None:
        self._trash, self._index, self._locks = trash, index, locks

    def reclaim(
        self, record: AssetRecord, commit: Callable[[bytes], Operation[T]], *, held: bool = False
    ) -> T | None:
        """Commit the record's bytes (`commit` is given their chunk digests) if good ones lie here.

        None when none do. `held`: bytes that the index holds will do as well.
        """
        key = BlobKey(record.bucket, record.blob.sha256, record.blob.ext)
        with self._locks.of(key.sha256):
            here = self._index.blob(key.bucket, key.sha256)
            if here is not None:
                return self._index.write(commit(here.chunk_digests)).result() if held else None
            try:
                digests = self._trash.reclaim(key, record.blob.size)
                if digests is None:
                    return None
                result = self._index.write(commit(digests)).result()
            except AtollError:  # the disk's as well: the file may have moved by then
                if self._index.read(lambda db: is_covered(db, record)):  # else it is only not known yet
                    self._put_away(key)
                raise
            self._put_away(key)
            return result

    def may_have(self, record: AssetRecord) -> bool:
        """Whether a file lies here that could be its bytes; nothing is read."""
        return self._trash.may_have(BlobKey(record.bucket, record.blob.sha256, record.blob.ext))

    def _put_away(self, key: BlobKey) -> None:
        """No file stays in service that nothing refers to: back into the trash, as long as that keeps it."""
        if self._index.blob(key.bucket, key.sha256) is not None:
            return
        self._trash.bury(key)
        until = self._index.read(lambda db: burial(db, key)).keep_until
        if not until and self._index.record_of_blob(key.bucket, key.sha256) is None:
            self._trash.erase(key)

    def keep(self, record: AssetRecord, commit: Callable[[bytes], Operation[bool]]) -> HeldBlob | None:
        """As `reclaim` for a pull or a repair, also when somebody was faster; the blob as held now."""
        if not self.reclaim(record, commit, held=True):
            return None
        return self._index.blob(record.bucket, record.blob.sha256)
