"""The journal as the index uses it: caught up with at the start, written before each commit, compacted.

In the index's writer thread, except for `compact`.
"""

from __future__ import annotations

import logging
import sqlite3

from storage_node.journal import Journal
from storage_node.journal_lines import Line
from storage_node.journal_replay import catch_up
from storage_node.journal_rows import everything, gather, note_position
from storage_node.origin import Origin

log = logging.getLogger(__name__)


class IndexJournal:
    """`replayed`: lines that the index had lost."""

    def __init__(self, journal: Journal, origin: Origin) -> None:
        self._journal, self._origin = journal, origin
        self._appended = False
        self.replayed = 0

    def begin(self, db: sqlite3.Connection) -> None:
        """Bring the index up to the journal; from then on gather what is written."""
        self.replayed = catch_up(db, self._journal, self._origin)
        if self.replayed:
            log.warning("the index took up %d lines of its journal", self.replayed)
        gather(db)

    def note(self, db: sqlite3.Connection) -> None:
        """Before a commit. `NoSpace` or `StoreFailed` when the journal cannot be written."""
        lines = db.execute("SELECT kind, body FROM temp.journal_lines ORDER BY rowid").fetchall()
        if not lines:
            return
        position = self._journal.append(Line(*line) for line in lines)
        self._appended = True
        db.execute("DELETE FROM temp.journal_lines")
        note_position(db, position)

    def keep(self) -> None:
        """The commit is durable."""
        self._appended = False

    def take_back(self) -> None:
        """The commit failed."""
        if self._appended:
            self._journal.take_back()
            self._appended = False

    def close(self) -> None:
        """No more commits."""
        self._journal.close()

    @property
    def size(self) -> int:
        """Bytes that the journal takes on the disk."""
        return self._journal.size

    def end_segment(self, db: sqlite3.Connection) -> int:
        """An operation: what was committed before it lies in segments up to the one returned."""
        ended = self._journal.rotate()
        note_position(db, self._journal.end)
        return ended

    def replace(self, db: sqlite3.Connection, segment: int) -> None:
        """Write all that the index has in the place of the segments up to `segment`, in one snapshot."""
        self._journal.replace_up_to(segment, everything(db))
