"""Opening index.db, whatever became of it: sound, behind its journal, lost, or corrupted.

A file that is no sound database is set aside under a name that says when, never deleted, and a new one is
made from the journal before the node serves: records, tombstones, receipts, tickets. Which bytes are there
is found out afterwards, while the node serves (rebuild.py).
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from atoll.atomic_file import fsync_directory
from atoll.errors import Failed
from storage_node.index import Index
from storage_node.index_check import doubt, flaw_of, glance, is_flaw, mark_of
from storage_node.index_journal import IndexJournal
from storage_node.index_writer import Committed, ignore
from storage_node.journal import Journal
from storage_node.origin import Origin

log = logging.getLogger(__name__)

_COMPANIONS = ("", "-wal", "-shm")


def open_index(
    data_dir: Path, origin: Origin, committed: Committed = ignore, *, whole_bytes: int = sys.maxsize
) -> Index:
    """The index in `data_dir`. ValueError for another node's, or for a broken one that has no journal.

    One of more than `whole_bytes` is only glanced at: whoever opens it has it checked later (index_check.py).
    `StoreFailed`, `NoSpace` when the disk does not let it be opened now.
    """
    path = data_dir / "index.db"
    journal = Journal(data_dir / "journal", origin.node)
    flaw = _flaw(path, whole_bytes)
    if flaw is not None:
        if journal.is_empty and path.exists() and path.stat().st_size:
            raise ValueError(
                f"index.db {flaw}, and there is no journal to make it anew from. Move it away to start"
                " with none: then the other nodes of the set fill this one again."
            )
        _set_aside(path, flaw, origin.now_ms(), lost=not journal.is_empty)
    try:
        index = Index(path, origin.node, committed, IndexJournal(journal, origin))
    except Failed as error:
        if not is_flaw(error.__cause__) or mark_of(path).exists():
            raise
        journal.close()
        doubt(path, "cannot be opened")
        return open_index(data_dir, origin, committed)
    mark_of(path).unlink(missing_ok=True)  # not before: a crash in between must not trust what is broken
    return index


def _flaw(path: Path, whole_bytes: int) -> str | None:
    """What is wrong with the file; from its header alone if it is larger than that and was not doubted."""
    if not path.exists() or path.stat().st_size <= whole_bytes or mark_of(path).exists():
        return flaw_of(path)
    return glance(path)


def _set_aside(path: Path, flaw: str, now: int, *, lost: bool) -> None:
    """Out of the way, log included: SQLite must not apply an old log to a new file."""
    if lost:
        log.error("index.db %s: it is made anew from the journal; what is left of it is kept", flaw)
    for companion in _COMPANIONS:
        old = path.with_name(path.name + companion)
        if old.exists():
            old.rename(path.with_name(f"index.db.lost-{now}{companion}"))
    fsync_directory(path.parent)
