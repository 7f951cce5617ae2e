"""New events, from the index's writer to the outbox, without reading the index once more.

After each commit the writer's thread looks what the commit added, and hands it to the loop: no other thread
need be woken for it, nor the loop for commits without events. The index stays the truth: what is here is only
what `Outbox` may skip reading. Whenever that is in doubt – at the start, after a failed look, when the outbox
is so far behind that memory would fill – the feed is `behind`, and the outbox reads the index until it has
caught up.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque

from atoll.events import is_receipt
from storage_node.index_rows import OutboxRow

log = logging.getLogger(__name__)

LIMIT = 2048  # rows, of about 1 KB each
# Receipts for copies go to the catalog only, which is written a few times a second: they wait for each other,
# or for an event that others act upon. Each publishing costs this node and NATS more than what is in it.
RECEIPT_SECONDS = 0.1


class OutboxFeed:
    """Made in the loop, and used there; only `committed` is called in the writer's thread."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._seen: int | None = None  # the writer's: events up to here were handed over or given up
        self._rows: deque[OutboxRow] = deque()
        self._taken = 0  # the highest number that the outbox has
        self._ringing: asyncio.TimerHandle | None = None
        self.behind = True
        self.wake = asyncio.Event()

    def committed(self, db: sqlite3.Connection) -> None:
        """Hand over what the last commit added. Never raises: the commit stands."""
        try:
            rows = self._look(db)
        except sqlite3.Error as error:
            log.warning("new events are read from the index, a little later: %s", error)
            rows = None
        if rows is None or rows:
            self._loop.call_soon_threadsafe(self._take, rows)

    def _look(self, db: sqlite3.Connection) -> list[OutboxRow] | None:
        """The new events; None when it cannot be said which of them are new."""
        if self._seen is None:
            (self._seen,) = db.execute("SELECT coalesce(max(seq), 0) FROM outbox").fetchone()
            return None
        rows = db.execute(
            "SELECT seq, event_id, subject, body, at FROM outbox WHERE seq > ? ORDER BY seq", (self._seen,)
        ).fetchall()
        if rows:
            self._seen = rows[-1][0]
        return [OutboxRow(*row) for row in rows]

    def _take(self, rows: list[OutboxRow] | None) -> None:
        if rows is None or len(self._rows) + len(rows) > self._limit:
            self.fall_behind()
        elif not self.behind:
            self._rows.extend(rows)
            if all(is_receipt(row.subject) for row in rows):
                self._ring_soon()
                return
        self.wake.set()

    def _ring_soon(self) -> None:
        if self._ringing is None:
            self._ringing = self._loop.call_later(RECEIPT_SECONDS, self._ring)

    def _ring(self) -> None:
        self._ringing = None
        self.wake.set()

    def fall_behind(self) -> None:
        """From now on the index must be asked."""
        self._rows.clear()
        self.behind = True

    def catch_up(self) -> None:
        """Called before a read of the index: what is committed from now on will be here."""
        self.behind = False

    def was_read(self, up_to: int) -> None:
        """A read has brought all events up to this number: those need not be given again."""
        self._taken = max(self._taken, up_to)

    def take(self, limit: int) -> list[OutboxRow]:
        """The next events, the oldest first."""
        rows: list[OutboxRow] = []
        while self._rows and len(rows) < limit:
            row = self._rows.popleft()
            if row.seq > self._taken:
                rows.append(row)
                self._taken = row.seq
        return rows
