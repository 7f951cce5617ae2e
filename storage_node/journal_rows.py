"""What index.db gives to the journal: lines gathered by triggers, and all of it anew. SQL only.

The gathering tables and triggers are TEMP, of the writing connection alone: an operation that is rolled
back leaves no line, and index.db is not written to a second time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from storage_node.journal import Position
from storage_node.journal_lines import Line

_TOMBSTONE = (
    "CAST('{{\"applied_at\":' || {0}.applied_at || ',\"tombstone\":' || CAST({0}.body AS TEXT)"
    " || '}}' AS BLOB)"
)
_RECEIPT = (
    "CAST(json_object('asset_id', {0}.asset_id, 'bucket', {0}.bucket, 'sha256', lower(hex({0}.sha256)),"
    " 'removed_at', {0}.removed_at, 'purged_at', {0}.purged_at, 'shared', {0}.shared) AS BLOB)"
)
_TICKET = (  # joined by hand: every upload has one, and json_object costs more than all the rest
    "CAST('{{\"ticket_id\":' || json_quote({0}.ticket_id) || ',\"file\":' || {0}.file"
    ' || \',"sha256":"\' || lower(hex({0}.sha256)) || \'","asset_id":"\' || {0}.asset_id'
    ' || \'","version":"\' || {0}.version || \'","expires_at":\' || {0}.expires_at || \'}}\' AS BLOB)'
)
_GATHER_ONE = "INSERT INTO journal_lines VALUES (CAST('{}' AS BLOB), {});"


def _trigger(name: str, when: str, table: str, kind: str, body: str, condition: str = "") -> str:
    gather_one = _GATHER_ONE.format(kind, body.format("NEW"))
    return f"CREATE TEMP TRIGGER {name} AFTER {when} ON main.{table} {condition} BEGIN {gather_one} END;"


_CLOSED = "WHEN NEW.removed_at IS NOT NULL"
_GATHER = "CREATE TEMP TABLE journal_lines (kind BLOB NOT NULL, body BLOB NOT NULL);" + "".join(
    (
        _trigger("journal_record", "INSERT", "records", "record", "{}.body"),
        _trigger("journal_tombstone", "INSERT", "tombstones", "tombstone", _TOMBSTONE),
        _trigger("journal_tombstone_again", "UPDATE", "tombstones", "tombstone", _TOMBSTONE),
        _trigger("journal_receipt", "UPDATE", "receipts", "receipt", _RECEIPT, _CLOSED),
        _trigger("journal_ticket", "INSERT", "tickets", "ticket", _TICKET),
    )
)

# In this order a reader meets every record before the tombstone that took it, and its receipt after both.
_ALL = (
    (b"record", "SELECT body FROM trash"),
    (b"record", "SELECT body FROM records"),
    (b"tombstone", f"SELECT {_TOMBSTONE.format('tombstones')} FROM tombstones"),  # noqa: S608 - ours
    (b"receipt", f"SELECT {_RECEIPT.format('receipts')} FROM receipts WHERE removed_at IS NOT NULL"),  # noqa: S608
    (b"ticket", f"SELECT {_TICKET.format('tickets')} FROM tickets"),  # noqa: S608 - ours
)


def gather(db: sqlite3.Connection) -> None:
    """From now on the connection's writes are gathered for the journal."""
    db.execute("PRAGMA temp_store = MEMORY")
    db.executescript(_GATHER)


def everything(db: sqlite3.Connection) -> Iterator[Line]:
    """All that the index has for a journal; read while a snapshot lasts."""
    for kind, statement in _ALL:
        for (body,) in db.execute(statement):
            yield Line(kind, body)


def noted_position(db: sqlite3.Connection) -> Position | None:
    """How far the index knows the journal; None before the first line."""
    row = db.execute("SELECT value FROM meta WHERE key = 'journal'").fetchone()
    return Position.parse(row[0]) if row else None


def note_position(db: sqlite3.Connection, position: Position) -> None:
    """The index has all that the journal has up to there."""
    db.execute("INSERT OR REPLACE INTO meta VALUES ('journal', ?)", (str(position),))
