"""A volatile disk as FUSE's operations. Every change asks the power first: it may be cut just before it."""

from __future__ import annotations

import os
import stat
import time
from itertools import count
from typing import Any

from mfusepy import FUSE, Operations
from power import Power
from volatile_disk import Entry, File, Folder

_BLOCK = 4096
_BLOCKS = 2**20  # a disk of 4 GiB, never full


class ShownDisk(Operations):
    """The disk as the operations of FUSE.

    Owners, modes and times are not kept: nobody here asks for them. Hard links are refused: libfuse shows two
    names of one file as two files, which the kernel caches apart.
    """

    use_ns = True
    flag_nopath = flag_nullpath_ok = True  # a file that was unlinked while open is still read and written

    def __init__(self, power: Power) -> None:
        self._power, self._disk = power, power.disk
        self._handles: dict[int, tuple[Entry, str]] = {}  # what was opened, by which name
        self._numbers = count(1)
        self._started = time.time_ns()

    def _entry(self, path: str | None, handle: int | None) -> Entry:
        return self._handles[handle][0] if handle else self._disk.find(path or "/")

    def _open(self, entry: Entry, path: str) -> int:
        number = next(self._numbers)
        self._handles[number] = (entry, path)
        return number

    def _change(self, what: str, path: str | None, handle: int | None = None) -> None:
        self._power.change(f"{what} {self._handles[handle][1] if handle else path}")

    def getattr(self, path: str | None, fh: int | None = None) -> dict[str, Any]:
        with self._power.lock:
            self._power.check()
            entry = self._entry(path, fh)
            folder = isinstance(entry, Folder)
            size = 0 if folder else len(entry.live)
            return {
                "st_mode": stat.S_IFDIR | 0o755 if folder else stat.S_IFREG | 0o644,
                "st_ino": entry.number,
                "st_nlink": 2 if folder else entry.links,
                "st_size": size,
                "st_blocks": (size + 511) // 512,
                "st_uid": os.getuid(),
                "st_gid": os.getgid(),
                **dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self._started),
            }

    def readdir(self, path: str | None, fh: int) -> list[tuple[str, dict[str, int], int]]:
        with self._power.lock:
            self._power.check()
            folder = self._entry(path, fh)
            named = [(".", folder), ("..", folder), *folder.live.items()]
            return [(name, {"st_ino": entry.number}, 0) for name, entry in named]  # a name without is skipped

    def opendir(self, path: str) -> int:
        with self._power.lock:
            return self._open(self._disk.find(path), path)

    def open(self, path: str, flags: int) -> int:
        with self._power.lock:
            self._power.check()
            entry = self._disk.find(path)
            if flags & os.O_TRUNC and isinstance(entry, File):
                self._change("truncating", path)
                self._disk.truncate(entry, 0)
            return self._open(entry, path)

    def create(self, path: str, mode: int) -> int:
        with self._power.lock:
            self._change("creating", path)
            return self._open(self._disk.create(path), path)

    def release(self, path: str | None, fh: int) -> int:
        with self._power.lock:
            self._handles.pop(fh, None)
        return 0

    releasedir = release

    def read(self, path: str | None, size: int, offset: int, fh: int) -> bytes:
        with self._power.lock:
            self._power.check()
            return bytes(self._entry(path, fh).live[offset : offset + size])

    def write(self, path: str | None, data: bytes, offset: int, fh: int) -> int:
        with self._power.lock:
            self._change("writing", path, fh)
            self._disk.write(self._entry(path, fh), data, offset)
        return len(data)

    def truncate(self, path: str | None, length: int, fh: int | None = None) -> int:
        with self._power.lock:
            self._change("truncating", path, fh)
            self._disk.truncate(self._entry(path, fh), length)
        return 0

    def fsync(self, path: str | None, datasync: int, fh: int) -> int:
        with self._power.lock:
            self._change("syncing", path, fh)
            self._disk.sync(self._entry(path, fh))
        return 0

    fsyncdir = fsync

    def mkdir(self, path: str, mode: int) -> int:
        with self._power.lock:
            self._change("making", path)
            self._disk.mkdir(path)
        return 0

    def unlink(self, path: str) -> int:
        with self._power.lock:
            self._change("unlinking", path)
            self._disk.unlink(path)
        return 0

    def rmdir(self, path: str) -> int:
        with self._power.lock:
            self._change("removing", path)
            self._disk.rmdir(path)
        return 0

    def rename(self, old: str, new: str) -> int:
        with self._power.lock:
            self._change(f"renaming {old} to", new)
            self._disk.rename(old, new)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        free = dict.fromkeys(("f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail"), _BLOCKS)
        return {"f_bsize": _BLOCK, "f_frsize": _BLOCK, "f_namemax": 255, **free}

    def chmod(self, path: str | None, mode: int) -> int:
        return 0

    def chown(self, path: str | None, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> int:
        return 0


class Fuse(FUSE):
    """mfusepy forgets the handle when a file is truncated through one; without a path it is all there is."""

    def truncate_fuse_3(self, path: bytes | None, length: int, fip: Any) -> int:
        handle = fip.contents.fh if fip else None
        return self.operations.truncate(None if path is None else path.decode(), length, handle)
