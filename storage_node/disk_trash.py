"""The trash of a node's disk. Beside disk_store.py.

    <data>/trash/<bucket>/<ab>/<sha256>.<ext>                bytes of deleted assets, until they are due

A file moves by rename; both directories are fsynced before the index hears of it, so that after a power
cut it lies in one place or the other. Every call may be repeated. Called under the blob's lock.
"""

from __future__ import annotations

import os
from pathlib import Path

from atoll.atomic_file import fsync_directory
from storage_node.chunks import CHUNK_BYTES, BlobHasher
from storage_node.disk_errors import made_ours, ours
from storage_node.disk_store import sync_absence
from storage_node.store import BlobKey, BlobStore, StoreFailed
from storage_node.verified_read import is_bad_sector


class _InPlace:
    """A durable file that `BlobStore.publish` renames like a staged one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, data: bytes | bytearray | memoryview) -> None:
        raise NotImplementedError("it is complete")

    def sync(self) -> None:
        """The bytes may have been written before the last crash: this run has not fsynced them."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Nothing is open."""

    def discard(self) -> None:
        """Not ours to remove."""


class DiskTrash:
    """`root` is the data directory, `store` the blobs in it."""

    def __init__(self, root: Path, store: BlobStore) -> None:
        self._trash, self._store = root / "trash", store
        with ours:
            self._trash.mkdir(exist_ok=True)
            fsync_directory(root)

    def path(self, key: BlobKey) -> Path:
        """Where the trash keeps a blob's file."""
        return self._trash / key.bucket / key.sha256[:2] / f"{key.sha256}.{key.ext}"

    def bury(self, key: BlobKey) -> bool:
        """Move a blob's file out of service, durably; False when it was not there."""
        source, target = self._store.path(key), self.path(key)
        with ours:
            self._make_directory(target.parent)
            try:
                source.rename(target)
            except FileNotFoundError:
                fsync_directory(target.parent)
                sync_absence(source.parent)
                return False
            fsync_directory(target.parent)
            fsync_directory(source.parent)
        return True

    def _make_directory(self, directory: Path) -> None:
        """Durable in its parents, whoever made it: existence proves nothing (see disk_store.py)."""
        directory.mkdir(parents=True, exist_ok=True)
        fsync_directory(directory.parent)
        fsync_directory(self._trash)

    def erase(self, key: BlobKey) -> bool:
        """Remove the file in the trash, durably; False when there is none."""
        path = self.path(key)
        with ours:
            try:
                path.unlink()
            except FileNotFoundError:
                sync_absence(path.parent)
                return False
            fsync_directory(path.parent)
        return True

    def reclaim(self, key: BlobKey, size: int) -> bytes | None:
        """Put good bytes that lie on this disk unindexed back into service, durably; their chunk digests.

        They lie in the trash, or in place while a lost index is being rebuilt. None when there are none,
        or when they are not what their name says. `StoreFailed` when they cannot be read just now. The lock
        is held over the read as well, or a purge could erase what was just found good.
        """
        for path in self._places(key):
            digests = _digests_of(path, key, size)
            if digests is not None and self._publish(path, key):
                return digests
        return None

    def may_have(self, key: BlobKey) -> bool:
        """Whether `reclaim` has something to look at."""
        return any(map(os.path.exists, self._places(key)))

    def _places(self, key: BlobKey) -> tuple[Path, Path]:
        return self._store.path(key), self.path(key)

    def _publish(self, path: Path, key: BlobKey) -> bool:
        file = _InPlace(path)
        with ours:
            try:
                file.sync()
                self._store.publish(file, key)
            except FileNotFoundError:
                return False
            if path != self._store.path(key):
                fsync_directory(path.parent)
        return True


def _digests_of(path: Path, key: BlobKey, size: int) -> bytes | None:
    """The chunk digests of a file if its bytes are what `key` says.

    Bytes that the disk has lost are bad. Any other error may pass – no descriptor or memory just now, a
    stale handle – and says nothing of the bytes: who took them for bad would set a good copy aside.
    """
    hasher = BlobHasher()
    try:
        with path.open("rb", buffering=0) as file:
            while hasher.size <= size and (part := file.read(CHUNK_BYTES)):
                hasher.update(part)
    except FileNotFoundError:
        return None
    except OSError as error:
        failed = made_ours(error)
        if isinstance(failed, StoreFailed) and is_bad_sector(failed):
            return None
        raise failed from error
    return hasher.chunk_digests() if (hasher.size, hasher.sha256()) == (size, key.sha256) else None
