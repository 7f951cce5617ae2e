"""The files of kept derivatives: placed by rename, read, removed with the folders they leave empty.

Knows nothing of bookkeeping. Raises OSError; its owner (derivative_store.py) holds a lock over what changes
folders, so that none is removed while a file is being put into it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from atoll import names
from atoll.atomic_file import fsync_directory
from storage_node.derivative import DerivativeKey, check_key
from storage_node.disk_store import sync_absence
from storage_node.staged_file import sync_file

_FOLDER = "derivatives"


class DerivativeFiles:
    """`root` is the data directory."""

    def __init__(self, root: Path) -> None:
        self.top = root.absolute() / _FOLDER
        self._incoming = root.absolute() / "incoming"
        self._numbers = count()

    def path(self, key: DerivativeKey) -> Path:
        """ValueError for a key that leads anywhere but into its blob's folder, and `BadName`."""
        check_key(key)
        return self.folder(key.bucket, key.sha256).joinpath(*key.name.split("/"))

    def folder(self, bucket: str, sha256: str) -> Path:
        """Where all derivatives of a blob lie. `BadName`."""
        names.check_sha256(sha256)
        return self.top / names.check_bucket(bucket) / sha256[:2] / sha256

    def stage(self) -> Path:
        """A path for a file on its way in; the blob store clears them all at start."""
        return self._incoming / f"{os.getpid()}-{next(self._numbers)}.derivative"

    def write_staged(self, data: bytes) -> Path:
        """`data` in a staged file; nothing is left when the disk refuses."""
        staged = self.stage()
        try:
            staged.write_bytes(data)
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        return staged

    def settle(self, staged: Path, date: int) -> None:
        """Its bytes durable, or after a power cut a static server could find the name without them.

        `date`: its modification time, Unix seconds (`derivative.date_of`)."""
        staged.chmod(0o444)
        os.utime(staged, (date, date))
        descriptor = os.open(staged, os.O_RDONLY)
        try:
            sync_file(descriptor)
        finally:
            os.close(descriptor)

    def place(self, staged: Path, key: DerivativeKey) -> None:
        """Rename to its place."""
        path = self.path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.rename(staged, path)
        except OSError:
            self.prune(path.parent)
            raise

    def read(self, key: DerivativeKey, most: int) -> bytes:
        """Up to `most` bytes and one: a longer file must be told from the right one, not read."""
        with self.path(key).open("rb", buffering=0) as file:
            parts: list[bytes] = []
            left = most + 1
            while left and (part := file.read(left)):
                parts.append(part)
                left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def remove(self, key: DerivativeKey, *, durably: bool = False) -> None:
        """Unlink, and its folders that are empty now; nothing happens when it is not there."""
        path = self.path(key)
        path.unlink(missing_ok=True)
        if durably:
            sync_absence(path.parent)
        self.prune(path.parent)

    def remove_folder(self, bucket: str, sha256: str) -> None:
        """All of a blob's derivatives, durably, whatever else lies there."""
        folder = self.folder(bucket, sha256)
        if folder.is_dir():
            shutil.rmtree(folder)
        sync_absence(folder.parent)  # what a crashed run removed may be back after a power cut otherwise
        self.prune(folder.parent)

    def prune(self, folder: Path) -> None:
        """Remove an empty folder, and those above it that are empty then."""
        while folder != self.top:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass  # its parent may be empty all the same
            except OSError:
                return
            folder = folder.parent

    def walk(self) -> Iterator[tuple[Path, list[Path]]]:
        """Every folder below the top one and its files, the deepest folders first."""
        for folder, _, files in os.walk(self.top, topdown=False):
            path = Path(folder)
            if path != self.top:
                yield path, [path / name for name in files]

    def key_of(self, path: Path) -> DerivativeKey | None:
        """The only key that can lie at `path`; None when none can."""
        bucket, *rest = path.relative_to(self.top).parts
        if len(rest) < 3 or rest[0] != rest[1][:2]:
            return None
        return DerivativeKey(bucket, rest[1], "/".join(rest[2:]))

    def make_top(self) -> None:
        """The folder of all, durably."""
        self.top.mkdir(parents=True, exist_ok=True)
        fsync_directory(self.top.parent)
