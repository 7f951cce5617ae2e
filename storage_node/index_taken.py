"""Which rows of index.db a tombstone takes: all versions of an asset up to its own, or one. SQL only.

Called by index_deletes.py, which says what becomes of them.
"""

from __future__ import annotations

import sqlite3

import msgspec

from atoll.errors import BadRequest
from atoll.ids import version_id
from atoll.model import AssetRecord, Tombstone


def check_form(stone: Tombstone) -> None:
    """`BadRequest` for a tombstone of one version under an id that is not that version's."""
    if stone.of is not None and stone.asset_id != version_id(stone.of, stone.version):
        raise BadRequest("This tombstone is not that of its version.", asset_id=stone.asset_id)


def covering(db: sqlite3.Connection, record: AssetRecord) -> Tombstone | None:
    """The tombstone that deletes this record: its asset's, or its version's own."""
    names = (record.asset_id, version_id(record.asset_id, record.content_version))
    rows = db.execute("SELECT body FROM tombstones WHERE asset_id IN (?, ?)", names).fetchall()
    stones = [msgspec.json.decode(body, type=Tombstone) for (body,) in rows]
    return next((stone for stone in stones if stone.covers(record)), None)


def take_covered(db: sqlite3.Connection, stone: Tombstone) -> list[AssetRecord]:
    """Take out the records it covers, and those that wait for bytes; what is in the trash is due no later
    than it says."""
    if stone.of is None:
        return _up_to(db, stone)
    gone = [record for record in _all_of(db, "records", stone.of) if stone.covers(record)]
    for record in gone:
        _delete(db, "records", record)
    for record in _all_of(db, "wanted", stone.of):
        if stone.covers(record):
            _delete(db, "wanted", record)
    for record in _all_of(db, "trash", stone.of):
        if stone.covers(record):
            db.execute(
                "UPDATE trash SET purge_at = min(purge_at, ?) WHERE asset_id = ? AND version = ?",
                (stone.purge_at, record.asset_id, record.version),
            )
    return gone


def _up_to(db: sqlite3.Connection, stone: Tombstone) -> list[AssetRecord]:
    covered = (stone.asset_id, stone.version)
    db.execute("DELETE FROM wanted WHERE asset_id = ? AND version <= ?", covered)
    gone = db.execute(
        "DELETE FROM records WHERE asset_id = ? AND version <= ? RETURNING body", covered
    ).fetchall()
    db.execute(
        "UPDATE trash SET purge_at = min(purge_at, ?) WHERE asset_id = ? AND version <= ?",
        (stone.purge_at, *covered),
    )
    return [msgspec.json.decode(body, type=AssetRecord) for (body,) in gone]


def kept_until(
    db: sqlite3.Connection, stone: Tombstone, record: AssetRecord, now: int, moved_seconds: int
) -> int:
    """Until when (Unix ms) the trash keeps a taken record's bytes, if nobody uses them.

    A rename's tombstone may overtake the records that use the same bytes under the other name: so long they
    are kept.
    """
    if stone.moved_to is None:
        return stone.purge_at
    used = db.execute(
        "SELECT 1 FROM records WHERE bucket = ? AND sha256 = ?",
        (record.bucket, bytes.fromhex(record.blob.sha256)),
    ).fetchone()
    return stone.purge_at if used else max(stone.purge_at, now + moved_seconds * 1000)


def _all_of(db: sqlite3.Connection, table: str, asset_id: str) -> list[AssetRecord]:
    rows = db.execute(f"SELECT body FROM {table} WHERE asset_id = ?", (asset_id,))  # noqa: S608 - ours
    return [msgspec.json.decode(body, type=AssetRecord) for (body,) in rows.fetchall()]


def _delete(db: sqlite3.Connection, table: str, record: AssetRecord) -> None:
    db.execute(
        f"DELETE FROM {table} WHERE asset_id = ? AND version = ?",  # noqa: S608 - ours
        (record.asset_id, record.version),
    )
