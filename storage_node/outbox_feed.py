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

from atoll.events import MAX_RECEIPTS, is_receipt
from storage_node.index_rows import OutboxRow

log = logging.getLogger(__name__)

LIMIT = 2048  # rows, of about 1 KB each
# Receipts for copies go to the catalog only, which is written a few times a second: they wait for each other,
# and go in one message. Each publishing costs this node and NATS more than what is in it.
RECEIPT_SECONDS = 0.1


class OutboxFeed:
    """Made in the loop, and used there; only `committed` is called in the writer's thread."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._seen: int | None = None  # the writer's: events up to here were handed over or given up
        self._rows: deque[OutboxRow] = deque()
        self._receipts: deque[OutboxRow] = deque()
        self._receipts_due = False
        self._read = 0  # events up to this number were read from the index
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
        if rows is None or len(self._rows) + len(self._receipts) + len(rows) > self._limit:
            self.fall_behind()
            self.wake.set()
        elif not self.behind:
            for row in rows:
                self._take_one(row)
        else:
            self.wake.set()

    def _take_one(self, row: OutboxRow) -> None:
        if not is_receipt(row.subject):
            self._rows.append(row)
            self.wake.set()
            return
        self._receipts.append(row)
        if len(self._receipts) >= MAX_RECEIPTS:
            self._ring()
        elif self._ringing is None:
            self._ringing = self._loop.call_later(RECEIPT_SECONDS, self._ring)

    def _ring(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
        self._ringing, self._receipts_due = None, True
        self.wake.set()

    def fall_behind(self) -> None:
        """From now on the index must be asked."""
        self._rows.clear()
        self._receipts.clear()
        self.behind = True

    def catch_up(self) -> None:
        """Called before a read of the index: what is committed from now on will be here."""
        self.behind = False

    def was_read(self, up_to: int) -> None:
        """A read has brought all events up to this number: those need not be given again."""
        self._read = max(self._read, up_to)

    def take(self, limit: int) -> list[OutboxRow]:
        """The next events, the oldest first; receipts last, and only when it is time for them."""
        rows = self._next(self._rows, limit)
        if self._receipts_due:
            rows += self._next(self._receipts, limit - len(rows))
            self._receipts_due = bool(self._receipts)
        return rows

    def _next(self, waiting: deque[OutboxRow], limit: int) -> list[OutboxRow]:
        rows: list[OutboxRow] = []
        while waiting and len(rows) < limit:
            row = waiting.popleft()
            if row.seq > self._read:
                rows.append(row)
        return rows
