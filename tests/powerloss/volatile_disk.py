"""A disk as POSIX promises it and no better: what was not fsynced is forgotten when the power goes. Pure.

Each file has its bytes as processes see them (`live`) and as the platter has them (`stable`); each folder
likewise has two lists of names. fsync of a file makes its bytes stable, never its name; fsync of a folder
makes its names stable, never what they name. A rename is two changes in two folders, and each is stable only
with its own folder. This is harsher than ext4, whose fsync brings names along and whose renames are whole:
what survives here survives on any file system.

Knows nothing of FUSE: shown_disk.py shows it to the kernel. power_cut.py says what a cut leaves of it.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field


@dataclass(eq=False)
class File:
    """Bytes under one number, however many names they have. `links` counts live names."""

    number: int
    live: bytearray = field(default_factory=bytearray)
    stable: bytes = b""
    links: int = 0


@dataclass(eq=False)
class Folder:
    """Names of one folder."""

    number: int
    live: dict[str, Entry] = field(default_factory=dict)
    stable: dict[str, Entry] = field(default_factory=dict)


Entry = File | Folder


class VolatileDisk:
    """Paths are absolute, as FUSE gives them. Raises OSError as a file system would."""

    def __init__(self) -> None:
        self._last = 0
        self.root = Folder(self.number())

    def number(self) -> int:
        """A new inode's."""
        self._last += 1
        return self._last

    def find(self, path: str) -> Entry:
        """What a path names now."""
        entry: Entry = self.root
        for name in path.split("/"):
            if not name:
                continue
            if not isinstance(entry, Folder):
                raise OSError(errno.ENOTDIR, path)
            if name not in entry.live:
                raise OSError(errno.ENOENT, path)
            entry = entry.live[name]
        return entry

    def _place(self, path: str) -> tuple[Folder, str]:
        parent, name = os.path.split(path)
        folder = self.find(parent)
        if not isinstance(folder, Folder):
            raise OSError(errno.ENOTDIR, parent)
        return folder, name

    def create(self, path: str) -> File:
        """A new, empty file; whoever opens what exists has looked before."""
        made = File(self.number())
        self._add(path, made)
        return made

    def mkdir(self, path: str) -> Folder:
        """A new folder."""
        made = Folder(self.number())
        self._add(path, made)
        return made

    def _add(self, path: str, entry: Entry) -> None:
        folder, name = self._place(path)
        if name in folder.live:
            raise OSError(errno.EEXIST, path)
        self._set(folder, name, entry)

    def _set(self, folder: Folder, name: str, entry: Entry | None) -> None:
        """Give a name to `entry`, or to nothing, and count the names of files."""
        old = folder.live.pop(name, None)
        if isinstance(old, File):
            old.links -= 1
        if entry is not None:
            folder.live[name] = entry
        if isinstance(entry, File):
            entry.links += 1

    def unlink(self, path: str) -> None:
        """Take a file's name away."""
        if isinstance(self.find(path), Folder):
            raise OSError(errno.EISDIR, path)
        self._set(*self._place(path), None)

    def rmdir(self, path: str) -> None:
        """Take an empty folder away."""
        entry = self.find(path)
        if not isinstance(entry, Folder):
            raise OSError(errno.ENOTDIR, path)
        if entry.live:
            raise OSError(errno.ENOTEMPTY, path)
        self._set(*self._place(path), None)

    def rename(self, old: str, new: str) -> None:
        """Move a name; what had the new one loses it."""
        entry = self.find(old)
        target, name = self._place(new)
        replaced = target.live.get(name)
        if replaced is entry:
            return
        if isinstance(replaced, Folder) and (replaced.live or isinstance(entry, File)):
            raise OSError(errno.ENOTEMPTY if replaced.live else errno.EISDIR, new)
        if isinstance(replaced, File) and isinstance(entry, Folder):
            raise OSError(errno.ENOTDIR, new)
        self._set(target, name, entry)
        self._set(*self._place(old), None)

    def write(self, file: File, data: bytes, offset: int) -> None:
        """Bytes, seen by everybody and safe nowhere."""
        if offset > len(file.live):
            file.live.extend(bytes(offset - len(file.live)))
        file.live[offset : offset + len(data)] = data

    def truncate(self, file: File, length: int) -> None:
        """Shorter, or longer by zeros."""
        del file.live[length:]
        file.live.extend(bytes(length - len(file.live)))

    def sync(self, entry: Entry) -> None:
        """fsync: exactly this file's bytes, or exactly this folder's names."""
        if isinstance(entry, File):
            entry.stable = bytes(entry.live)
        else:
            entry.stable = dict(entry.live)
