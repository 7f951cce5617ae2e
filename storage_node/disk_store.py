"""Blobs as plain files: the store that every node has by default.

    <data>/blobs/<bucket>/<ab>/<cd>/<sha256>.<ext>    read-only files
    <data>/incoming/                                  staged files, same file system
    <data>/quarantine/                                bad copies, kept for people to look at
    <data>/disk.probe                                 16 bytes, written again and again: does the disk answer?

What is fsynced, and why: the file before the rename, or a name could point to nothing after a power cut;
the directory after the rename, or the name itself could be lost; and every directory that was made on
the way, in its parent, for the same reason. A directory that exists may have been made a moment ago by
another thread which has not fsynced the parent yet, so existence proves nothing: only directories this
process has itself made durable are skipped (`_durable`). After a restart, the first fsync of a parent
makes all that it already holds durable, so that a full store is known again after a few hundred fsyncs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from atoll.atomic_file import fsync_directory
from storage_node.cold_read import cold_pieces
from storage_node.disk_errors import ours as _ours
from storage_node.staged_file import StagedFile, sync_file
from storage_node.store import BlobKey, Space, Staged, StoreFailed

_REMEMBERED_DIRECTORIES = 300_000


class DiskStore:
    """See the module; `root` is the data directory."""

    def __init__(self, root: Path) -> None:
        self._blobs = str(root / "blobs")
        self._incoming = root / "incoming"
        self._quarantine = root / "quarantine"
        self._probe = str(root / "disk.probe")
        self._durable: set[str] = set()
        self._numbers = count()
        self._lock = threading.Lock()
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
        directory = self._directory(key)
        with _ours:
            self._make_durable(directory)
            try:
                os.rename(staged.path, self._name(key))
            except FileNotFoundError:  # somebody removed the directory behind our back: make it again
                self._durable.clear()
                self._make_durable(directory)
                os.rename(staged.path, self._name(key))
            fsync_directory(directory)
        staged.close()

    def _make_durable(self, directory: str) -> None:
        """Make `directory` and its parents up to blobs/, each durable in its parent."""
        if directory in self._durable or directory == self._blobs:
            return
        parent = os.path.dirname(directory)
        self._make_durable(parent)
        made = [directory]
        try:
            os.mkdir(directory)
        except FileExistsError:
            made = [f"{parent}/{name}" for name in os.listdir(parent)]  # the fsync below covers all of them
        fsync_directory(parent)
        with self._lock:
            if len(self._durable) >= _REMEMBERED_DIRECTORIES:
                self._durable.clear()  # forgetting costs an extra fsync, never a lost name
            self._durable.update(made)

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
    with _ours, os.fdopen(descriptor, "rb", buffering=0) as file:
        wanted = os.fstat(descriptor).st_size - start if length is None else length
        file.seek(start)
        return _read_fully(file.fileno(), max(0, wanted))


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


def _read_fully(descriptor: int, length: int) -> bytes:
    """`length` bytes, or fewer at the end of the file."""
    first = os.read(descriptor, length)
    if len(first) == length:
        return first
    parts = [first]
    missing = length - len(first)
    while missing and (part := os.read(descriptor, missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
