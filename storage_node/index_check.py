"""Whether index.db is a sound database: the whole of it, or at a glance when it is large. Blocking.

Reading all of a large index takes seconds, and a node can serve meanwhile: what it serves is checked against
its name anyway, and what it acknowledges is in the journal first. So a large one is only glanced at before it
is opened, and read through while the node serves (`IndexCheck`). If it proves broken then, a mark is left
beside it and the node ends; at its next start it is set aside and made anew.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from atoll.atomic_file import write_atomically
from atoll.errors import AtollError, Failed
from storage_node.index_errors import our_error

log = logging.getLogger(__name__)

_FLAWS = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_AGAIN_SECONDS = 60.0
_UNKNOWN = "cannot be read now"


def flaw_of(path: Path) -> str | None:
    """What is wrong with a database file; None when it is sound. Reads all of it.

    `StoreFailed`, `NoSpace` when it cannot be told now: a disk that fails for a moment condemns no index.
    """
    if not path.exists() or not path.stat().st_size:
        return "is missing"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except UnicodeDecodeError:  # Python cannot even say what SQLite found: its words quote the file
        return "is corrupted (its schema is no text)"
    except sqlite3.Error as error:
        if not is_flaw(error):
            raise our_error(error) from error
        return f"cannot be read ({error})"
    return None if found == "ok" else f"is corrupted ({found})"


def glance(path: Path) -> str | None:
    """The same from the header alone: no database at all, or shorter than it says."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return "is no database"
    page_bytes = int.from_bytes(header[16:18]) or 1
    pages = int.from_bytes(header[28:32])
    is_told = header[24:28] == header[92:96]  # by a version of SQLite that keeps the number of pages
    if is_told and path.stat().st_size < pages * (65_536 if page_bytes == 1 else page_bytes):
        return "is truncated"
    return None


def mark_of(path: Path) -> Path:
    """What lies beside an index that was found broken while it was in use."""
    return path.with_name(f"{path.name}.broken")


def doubt(path: Path, flaw: str) -> None:
    """Leave the mark, durably."""
    write_atomically(mark_of(path), f"{flaw}\n".encode())


def is_flaw(error: BaseException | None) -> bool:
    """Whether what SQLite raised says that the file is broken."""
    return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _FLAWS


class IndexCheck:
    """Reads an index through while it is in use, if it has more than `whole_bytes`: smaller ones were read
    before they were opened. It begins after `rest` seconds: a start has other things to do. `flaw`:
    `flaw_of`, but for tests."""

    def __init__(
        self,
        path: Path,
        whole_bytes: int,
        rest: float = 10.0,
        flaw: Callable[[Path], str | None] = flaw_of,
    ) -> None:
        self._path, self._whole_bytes, self._rest, self._flaw = path, whole_bytes, rest, flaw

    async def run(self) -> None:
        """Returns when it is sound; raises `Failed` when it is not, and the daemon ends."""
        if self._path.stat().st_size <= self._whole_bytes:
            return
        await asyncio.sleep(self._rest)
        while (found := await self._look()) is _UNKNOWN:  # noqa: ASYNC110 - a disk tells nobody
            await asyncio.sleep(_AGAIN_SECONDS)
        if found:
            await asyncio.to_thread(doubt, self._path, found)
            raise Failed(f"index.db {found}. It is made anew at the next start.")

    async def _look(self) -> str | None:
        try:
            return await asyncio.to_thread(self._flaw, self._path)
        except AtollError as error:
            log.warning("index.db cannot be read through now: %s", error.detail)
            return _UNKNOWN
