"""Blobs as plain files: the store that every node has by default.

    <data>/blobs/<bucket>/<ab>/<cd>/<sha256>.<ext>    read-only files
    <data>/incoming/                                  staged files, same file system
    <data>/quarantine/                                bad copies, kept for people to look at
    <data>/disk.probe                                 16 bytes, written again and again: does the disk answer?

What is fsynced, and why: the file before the rename, or a name could point to nothing after a power cut;
the directories after the rename, or the name itself could be lost (disk_names.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from atoll.atomic_file import fsync_directory
from atoll.errors import AtollError
from storage_node.cold_read import cold_pieces
from storage_node.disk_errors import made_ours
from storage_node.disk_errors import ours as _ours
from storage_node.disk_names import DiskNames, Move
from storage_node.staged_file import StagedFile, sync_file
from storage_node.store import BlobKey, Space, Staged, StoreFailed


class DiskStore:
    """See the module; `root` is the data directory."""

    def __init__(self, root: Path) -> None:
        self._blobs = str(root / "blobs")
        self._incoming = root / "incoming"
        self._quarantine = root / "quarantine"
        self._probe = str(root / "disk.probe")
        self._names = DiskNames(self._blobs)
        self._numbers = count()
        with _ours:
            for path in (Path(self._blobs), self._incoming, self._quarantine):
                path.mkdir(parents=True, exist_ok=True)
            for path in (self._quarantine, root, root.parent):
                fsync_directory(path)

    def stage(self) -> StagedFile:
        return StagedFile(self._incoming / f"{os.getpid()}-{next(self._numbers)}.part")

    def _directory(self, key: BlobKey) -> str:
        return f"{self._blobs}/{key.bucket}/{key.sha256[:2]}/{key.sha256[2:4]}"

    def path(self, key: BlobKey) -> Path:
        return Path(self._name(key))

    def _name(self, key: BlobKey) -> str:
        return f"{self._directory(key)}/{key.sha256}.{key.ext}"

    def publish(self, staged: Staged, key: BlobKey) -> None:
        (error,) = self.publish_all([(staged, key)])
        if error is not None:
            raise error

    def publish_all(self, some: Sequence[tuple[Staged, BlobKey]]) -> list[AtollError | None]:
        outcomes = self._names.put([Move(str(staged.path), self._name(key)) for staged, key in some])
        for (staged, _), error in zip(some, outcomes, strict=True):
            if error is None:
                staged.close()
        return [None if error is None else made_ours(error) for error in outcomes]

    def read(self, key: BlobKey, start: int = 0, length: int | None = None) -> bytes | None:
        return _read_file(self._name(key), start, length)

    def scan(self, key: BlobKey) -> Iterator[bytes]:
        with _ours:
            yield from cold_pieces(self._name(key))

    def size(self, key: BlobKey) -> int | None:
        with _ours:
            try:
                return os.stat(self._name(key)).st_size
            except FileNotFoundError:
                return None

    def remove(self, key: BlobKey) -> bool:
        return _remove_file(self._name(key), self._directory(key))

    def _set_aside(self, key: BlobKey) -> Path:
        return self._quarantine / f"{key.bucket}.{key.sha256}.{key.ext}"

    def quarantine(self, key: BlobKey) -> Path | None:
        target = self._set_aside(key)
        with _ours:
            try:
                os.rename(self._name(key), target)
            except FileNotFoundError:
                sync_absence(self._directory(key))
                return None
            fsync_directory(self._quarantine)
            fsync_directory(self._directory(key))
        return target

    def read_quarantined(self, key: BlobKey, start: int, length: int) -> bytes | None:
        return _read_file(self._set_aside(key), start, length)

    def remove_quarantined(self, key: BlobKey) -> bool:
        aside = self._set_aside(key)
        return aside.exists() and _remove_file(aside, self._quarantine)  # absences: synced at the start

    def space(self) -> Space:
        with _ours:
            stat = os.statvfs(self._blobs)
        return Space(stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize, stat.f_favail)

    def probe(self) -> None:
        with _ours:
            descriptor = os.open(self._probe, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(descriptor, os.urandom(16), 0)  # other bytes each time, or nothing need be written
                sync_file(descriptor)
            finally:
                os.close(descriptor)

    def clear_staged(self) -> int:
        left = list(self._incoming.iterdir())
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def _read_file(name: str | Path, start: int, length: int | None) -> bytes | None:
    try:
        descriptor = os.open(name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreFailed(f"The disk failed: {error}") from error
    try:
        with _ours:
            wanted = os.fstat(descriptor).st_size - start if length is None else length
            return _read_fully(descriptor, start, max(0, wanted))
    finally:
        os.close(descriptor)


def _remove_file(name: str | Path, directory: str | Path) -> bool:
    with _ours:
        try:
            os.unlink(name)
        except FileNotFoundError:
            sync_absence(directory)
            return False
        fsync_directory(directory)
    return True


def sync_absence(directory: str | Path) -> None:
    """A name that is not there may have been taken away by a run that crashed before its fsync: it would be
    back after a power cut. Before the index forgets it, its absence is made durable as well."""
    if os.path.isdir(directory):
        fsync_directory(directory)


def _read_fully(descriptor: int, start: int, length: int) -> bytes:
    """`length` bytes from `start` on, or fewer at the end of the file."""
    first = os.pread(descriptor, length, start)
    if len(first) == length:
        return first
    parts = [first]
    done = len(first)
    while done < length and (part := os.pread(descriptor, length - done, start + done)):
        parts.append(part)
        done += len(part)
    return b"".join(parts)
