"""Bringing index.db up to its journal: after a crash the last few lines, after a loss all of them.

Every line may be replayed any number of times and on top of any index: records that a tombstone covers stay
deleted, greater tombstones win. Runs before the index takes writes, on its writing connection. What the
disk holds is not looked at here: each record that came back is noted as `unchecked` (rebuild.py).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from itertools import islice

import msgspec

from atoll.events import AssetDeleted
from atoll.model import AssetRecord, Tombstone
from storage_node.index_deletes import put_tombstone, put_trash
from storage_node.index_rows import put_event, put_record
from storage_node.index_taken import covering
from storage_node.journal import START, Journal, Position
from storage_node.journal_lines import Line
from storage_node.journal_rows import everything, note_position, noted_position
from storage_node.origin import Origin

log = logging.getLogger(__name__)

_AT_ONCE = 5000
_SAID_MS = 7 * 86_400_000  # older deletes are long known to all; saying one twice is harmless


class _TombstoneLine(msgspec.Struct, frozen=True):
    applied_at: int
    tombstone: Tombstone


class _ReceiptLine(msgspec.Struct, frozen=True):
    asset_id: str
    bucket: str
    sha256: str
    removed_at: int
    purged_at: int | None
    shared: int


class _TicketLine(msgspec.Struct, frozen=True):
    ticket_id: str
    file: int
    sha256: str
    asset_id: str
    version: str
    expires_at: int


def catch_up(db: sqlite3.Connection, journal: Journal, origin: Origin) -> int:
    """Replay what the index lacks; how many lines. A journal that was lost is begun anew from the index."""
    known = noted_position(db)
    whole = not journal.is_empty if known is None else journal.has(known)
    if known is not None and not whole:
        log.error("the index is older than its journal, or that was lost: all there is is read and made anew")
    replayed = _replay(db, journal, (known or START) if whole else START, origin)
    if not whole:
        journal.replace_up_to(journal.rotate(known or START), everything(db))
    if replayed or not whole:
        note_position(db, journal.end)
    return replayed


def _replay(db: sqlite3.Connection, journal: Journal, position: Position, origin: Origin) -> int:
    lines = journal.read(position)
    replayed = 0
    while batch := list(islice(lines, _AT_ONCE)):
        db.execute("BEGIN IMMEDIATE")
        for line in batch:
            replayed += _apply(db, line, origin)
        _keep_needed_files(db, origin.now_ms())
        db.execute("COMMIT")
    return replayed


def _apply(db: sqlite3.Connection, line: Line, origin: Origin) -> int:
    apply = _BY_KIND.get(line.kind)
    if apply is None:
        return 0
    try:
        apply(db, line.body, origin)
    except msgspec.MsgspecError as error:
        log.error("a line of the journal makes no sense and is left out: %s", error)
    return 1


def _record(db: sqlite3.Connection, body: bytes, origin: Origin) -> None:
    record = msgspec.json.decode(body, type=AssetRecord)
    stone = covering(db, record)
    if stone is None:
        before = db.total_changes
        put_record(db, record)
        if db.total_changes > before:
            db.execute("INSERT OR IGNORE INTO unchecked VALUES (?, ?)", (record.asset_id, record.version))
    elif stone.purge_at > origin.now_ms() and not _has_receipt(db, record):
        put_trash(db, record, stone.purge_at)


def _has_receipt(db: sqlite3.Connection, record: AssetRecord) -> bool:
    row = db.execute(
        "SELECT 1 FROM receipts WHERE asset_id = ? AND sha256 = ?",
        (record.asset_id, bytes.fromhex(record.blob.sha256)),
    )
    return row.fetchone() is not None


def _tombstone(db: sqlite3.Connection, body: bytes, origin: Origin) -> None:
    """Its event was lost with the commit, and a repeated delete will find the tombstone and say nothing."""
    line = msgspec.json.decode(body, type=_TombstoneLine)
    stone = line.tombstone
    known = db.execute("SELECT version FROM tombstones WHERE asset_id = ?", (stone.asset_id,)).fetchone()
    if known is None or known[0] < stone.version:
        put_tombstone(db, stone, line.applied_at, origin.moved_seconds)
        now = origin.now_ms()
        if stone.deleted_at > now - _SAID_MS:
            put_event(db, AssetDeleted(**origin.stamp(now), tombstone=stone))


def _receipt(db: sqlite3.Connection, body: bytes, _origin: Origin) -> None:
    line = msgspec.json.decode(body, type=_ReceiptLine)
    db.execute(
        "INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?, ?)",
        (
            line.asset_id,
            line.bucket,
            bytes.fromhex(line.sha256),
            line.removed_at,
            line.purged_at,
            line.shared,
        ),
    )
    if line.purged_at is not None:
        db.execute(
            "DELETE FROM trash WHERE asset_id = ? AND sha256 = ?", (line.asset_id, bytes.fromhex(line.sha256))
        )


def _ticket(db: sqlite3.Connection, body: bytes, _origin: Origin) -> None:
    line = msgspec.json.decode(body, type=_TicketLine)
    db.execute(
        "INSERT OR IGNORE INTO tickets VALUES (?, ?, ?, ?, ?, ?)",
        (
            line.ticket_id,
            line.file,
            bytes.fromhex(line.sha256),
            line.asset_id,
            line.version,
            line.expires_at,
        ),
    )


_BY_KIND: dict[bytes, Callable[[sqlite3.Connection, bytes, Origin], None]] = {
    b"record": _record,
    b"tombstone": _tombstone,
    b"receipt": _receipt,
    b"ticket": _ticket,
}


def _keep_needed_files(db: sqlite3.Connection, now: int) -> None:
    """A delete replayed before a later upload of the same bytes must not take that upload's file along."""
    needed = "EXISTS (SELECT 1 FROM records AS r WHERE r.bucket = {0}.bucket AND r.sha256 = {0}.sha256)"
    db.execute(f"DELETE FROM unlinks WHERE {needed.format('unlinks')}")  # noqa: S608 - ours
    db.execute(
        f"UPDATE receipts SET removed_at = ?, shared = 1"  # noqa: S608 - ours
        f" WHERE removed_at IS NULL AND {needed.format('receipts')}",
        (now,),
    )
