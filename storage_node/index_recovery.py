"""Opening index.db, whatever became of it: sound, behind its journal, lost, or corrupted.

A file that is no sound database is set aside under a name that says when, never deleted, and a new one is
made from the journal before the node serves: records, tombstones, receipts, tickets. Which bytes are there
is found out afterwards, while the node serves (rebuild.py).
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from atoll.atomic_file import fsync_directory
from storage_node.index import Index
from storage_node.index_journal import IndexJournal
from storage_node.index_writer import Committed, ignore, our_error
from storage_node.journal import Journal
from storage_node.origin import Origin

log = logging.getLogger(__name__)

_COMPANIONS = ("", "-wal", "-shm")
_FLAWS = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def open_index(data_dir: Path, origin: Origin, committed: Committed = ignore) -> Index:
    """The index in `data_dir`. ValueError for another node's, or for a broken one that has no journal.

    `StoreFailed`, `NoSpace` when the disk does not let it be opened now.
    """
    path = data_dir / "index.db"
    journal = Journal(data_dir / "journal", origin.node)
    flaw = flaw_of(path)
    if flaw is not None:
        if journal.is_empty and path.exists() and path.stat().st_size:
            raise ValueError(
                f"index.db {flaw}, and there is no journal to make it anew from. Move it away to start"
                " with none: then the other nodes of the set fill this one again."
            )
        _set_aside(path, flaw, origin.now_ms(), lost=not journal.is_empty)
    return Index(path, origin.node, committed, IndexJournal(journal, origin))


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
        if error.sqlite_errorcode & 0xFF not in _FLAWS:
            raise our_error(error) from error
        return f"cannot be read ({error})"
    return None if found == "ok" else f"is corrupted ({found})"


def _set_aside(path: Path, flaw: str, now: int, *, lost: bool) -> None:
    """Out of the way, log included: SQLite must not apply an old log to a new file."""
    if lost:
        log.error("index.db %s: it is made anew from the journal; what is left of it is kept", flaw)
    for companion in _COMPANIONS:
        old = path.with_name(path.name + companion)
        if old.exists():
            old.rename(path.with_name(f"index.db.lost-{now}{companion}"))
    fsync_directory(path.parent)
