"""Hashes of local files, remembered so that what has not changed is not read again. SQLite; blocks.

A hash is believed while size, mtime, ctime and inode are those of the file that was read, and only if the
file was at rest then: what was changed less than two seconds before it was hashed – or, by its clock, later –
may have been changed once more within the same tick of that clock, so it is read again the next time. ctime
is what nobody can set back: it tells of writes that restore the mtime.

The file is a cache and nothing else: one that cannot be opened, is damaged or locked is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from atoll.client.folder_files import Facts, FileChanging
from atoll.client.source import FileUnusable, local_file

AT_REST_NS = 2_000_000_000
TRIES = 3
SAVE_EVERY = 500  # files; what a kill costs is to read so many again
PIECE_BYTES = 2**20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS hashes (
    path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER,
    sha256 TEXT NOT NULL, md5 TEXT
) WITHOUT ROWID
"""
_LOOK_UP = "SELECT size, mtime_ns, ctime_ns, inode, sha256, md5 FROM hashes WHERE path = ?"


class Digests(NamedTuple):
    """Of one file's bytes; `md5` is None where nobody asked for it. `facts` are those of the bytes read."""

    sha256: str
    md5: str | None
    facts: Facts


class HashCache:
    """At `path`, or in memory only. May be used from several threads. `clock` gives Unix nanoseconds."""

    def __init__(self, path: Path | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock, self._using = clock, threading.Lock()
        self._unsaved: dict[bytes, Digests | None] = {}
        self.read_files = 0  # how many had to be read
        self._database = _open(path)
        self._end = weakref.finalize(self, self._database.close)

    def close(self) -> None:
        """Keep what was learned."""
        with self._using:
            self._save()
        self._end()

    def digests(self, path: Path, *, md5: bool = False) -> Digests:
        """Those of the file as it is now; `FileUnusable`, `FileChanging`."""
        with local_file(path):
            facts = facts_of(path)
        known = self._known(path, facts)
        if known is not None and (known.md5 is not None or not md5):
            return known
        began = self._clock()
        read = self._read(path, md5=md5)
        self.note(path, read, began)
        return read

    def note(self, path: Path, digests: Digests, began: int) -> None:
        """What was read from `began` on (Unix ns); forgotten instead if the file was not at rest then."""
        at_rest = began - max(digests.facts.mtime_ns, digests.facts.ctime_ns) >= AT_REST_NS
        with self._using:
            self._unsaved[_key(path)] = digests if at_rest else None
            if len(self._unsaved) >= SAVE_EVERY:
                self._save()

    def _save(self) -> None:
        """In one short transaction: another command may be using the same file."""
        gone = [(key,) for key, digests in self._unsaved.items() if digests is None]
        rows = [(key, *d.facts, d.sha256, d.md5) for key, d in self._unsaved.items() if d is not None]
        self._unsaved.clear()
        with contextlib.suppress(sqlite3.Error), self._database:
            self._database.executemany("DELETE FROM hashes WHERE path = ?", gone)
            self._database.executemany("INSERT OR REPLACE INTO hashes VALUES (?,?,?,?,?,?,?)", rows)

    def _known(self, path: Path, facts: Facts) -> Digests | None:
        key = _key(path)
        with self._using, contextlib.suppress(sqlite3.Error):
            if key in self._unsaved:
                unsaved = self._unsaved[key]
                return unsaved if unsaved is not None and unsaved.facts == facts else None
            row = self._database.execute(_LOOK_UP, (key,)).fetchone()
            if row is not None and Facts(*row[:4]) == facts:
                return Digests(row[4], row[5], facts)
        return None

    def _read(self, path: Path, *, md5: bool) -> Digests:
        for _ in range(TRIES):
            self.read_files += 1
            with local_file(path), open_regular(path) as file:
                before = Facts.of(os.fstat(file.fileno()))
                sha256, other = _hash(file, md5=md5)
                after = Facts.of(os.fstat(file.fileno()))
                if before == after == facts_of(path):
                    return Digests(sha256, other, after)
        raise FileChanging(f"{path}: is being written to.", path=str(path))


def _key(path: Path) -> bytes:
    return os.fsencode(os.path.abspath(path))


def facts_of(path: Path) -> Facts:
    """The file's facts now; OSError."""
    return Facts.of(os.stat(path))


def open_regular(path: Path) -> IO[bytes]:
    """Open a plain file; a pipe or a device is refused instead of waited for. `FileUnusable`, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileUnusable(f"{path}: is no plain file.", path=str(path))
    return os.fdopen(descriptor, "rb", buffering=0)


def _hash(file: IO[bytes], *, md5: bool) -> tuple[str, str | None]:
    sha256 = hashlib.sha256()
    other = hashlib.md5(usedforsecurity=False) if md5 else None
    while piece := file.read(PIECE_BYTES):
        sha256.update(piece)
        if other is not None:
            other.update(piece)
    return sha256.hexdigest(), None if other is None else other.hexdigest()


def _open(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        for _ in range(2):
            try:
                return _opened(path)
            except (OSError, sqlite3.OperationalError):  # not ours to write, or locked for long
                break
            except sqlite3.DatabaseError:  # damaged: begin anew
                with contextlib.suppress(OSError):
                    path.unlink()
    return _connected(":memory:")


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return _connected(path)


def _connected(path: Path | str) -> sqlite3.Connection:
    # Nothing here is missed after a power cut: no fsync. Who is locked out waits, once in 500 files.
    database = sqlite3.connect(path, timeout=2.0, check_same_thread=False)
    try:
        database.execute("PRAGMA synchronous = OFF")
        database.execute(_SCHEMA)
        database.execute("SELECT count(*) FROM hashes LIMIT 1")
        database.commit()
    except BaseException:
        database.close()
        raise
    return database
