"""Rubbish in the bookkeeping of derivatives, told from a moment's trouble; and how it is thrown away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# A torn schema in an error message is no UTF-8, which Python then says instead.
ROW_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_FLAWS = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}
_COMPANIONS = ("", "-wal", "-shm", "-journal")


def remove_rows(path: Path) -> None:
    """Throw the file away, log included: SQLite must not apply an old log to a new file. OSError."""
    for companion in _COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)


def flaw_of(path: Path) -> str | None:
    """What is wrong with the file; None when nothing is, or when it cannot be told now. Reads all of it."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except ROW_ERRORS as error:
        return str(error) if is_flaw(error) else None
    return None if found == "ok" else str(found)


def is_flaw(error: Exception) -> bool:
    """Whether the file is rubbish: a disk that is full or fails for a moment condemns nothing."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _FLAWS


def rubbish(reason: str) -> sqlite3.DatabaseError:
    """The error of whoever finds in the file what nobody can have written."""
    return sqlite3.DatabaseError(f"derivatives.db is corrupted: {reason}")
