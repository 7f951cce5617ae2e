"""What index.db can testify about one asset: held since when, deleted, removed, erased. SQL only."""

from __future__ import annotations

import sqlite3
from typing import cast

import msgspec

from atoll.model import Tombstone
from atoll.repair_api import FORGOTTEN, HeldReceipt, NodeReceipt, RemovedReceipt, Restorable
from storage_node.index_trash import newest_trashed, stone_of


def receipt(db: sqlite3.Connection, asset_id: str, node: str, region: str, now: int) -> NodeReceipt:
    """All that this node knows of the asset `now` (Unix ms); empty when it never heard of it."""
    trashed = newest_trashed(db, asset_id, now)
    held = _held(db, asset_id)
    stone = _tombstone(db, asset_id, versions=not held)
    return NodeReceipt(
        node=node,
        region=region,
        asset_id=asset_id,
        held=held,
        tombstone=msgspec.json.decode(stone[0], type=Tombstone) if stone else None,
        applied_at=stone[1] if stone else None,
        removed=_removed(db, asset_id),
        lacking=_lacking(db, asset_id),
        restorable=Restorable(trashed[0].version, stone_of(trashed[0])) if trashed else None,
        forgotten=_forgotten(db, asset_id),
    )


def _tombstone(db: sqlite3.Connection, asset_id: str, *, versions: bool) -> tuple[bytes, int] | None:
    """The asset's own; with `versions` that of its newest deleted version, if it has none: when the last one
    was deleted by itself, that deleted the asset."""
    own = db.execute("SELECT body, applied_at FROM tombstones WHERE asset_id = ?", (asset_id,)).fetchone()
    if own is not None or not versions:
        return cast("tuple[bytes, int] | None", own)
    found = db.execute(
        "SELECT body, applied_at FROM tombstones WHERE of_asset = ? ORDER BY version DESC LIMIT 1",
        (asset_id,),
    ).fetchone()
    return cast("tuple[bytes, int] | None", found)


def _held(db: sqlite3.Connection, asset_id: str) -> tuple[HeldReceipt, ...]:
    rows = db.execute(
        "SELECT r.version, r.sha256, b.fsynced_at, b.verified_at FROM records AS r"
        " JOIN blobs AS b ON b.bucket = r.bucket AND b.sha256 = r.sha256"
        " WHERE r.asset_id = ? ORDER BY r.version DESC",
        (asset_id,),
    )
    return tuple(HeldReceipt(version, sha256.hex(), *times) for version, sha256, *times in rows)


def _lacking(db: sqlite3.Connection, asset_id: str) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT version FROM records AS r WHERE asset_id = ? AND NOT EXISTS"
        " (SELECT 1 FROM blobs AS b WHERE b.bucket = r.bucket AND b.sha256 = r.sha256) ORDER BY version DESC",
        (asset_id,),
    )
    return tuple(version for (version,) in rows)


def _forgotten(db: sqlite3.Connection, asset_id: str) -> tuple[str, ...]:
    rows = db.execute(
        "SELECT asset_id FROM tombstones WHERE of_asset = ? ORDER BY version DESC LIMIT ?",
        (asset_id, FORGOTTEN),
    )
    return tuple(stone for (stone,) in rows)


def _removed(db: sqlite3.Connection, asset_id: str) -> tuple[RemovedReceipt, ...]:
    rows = db.execute(
        "SELECT sha256, removed_at, purged_at, shared FROM receipts"
        " WHERE asset_id = ? AND removed_at IS NOT NULL ORDER BY removed_at DESC",
        (asset_id,),
    )
    return tuple(
        RemovedReceipt(sha256.hex(), at, purged, bool(shared)) for sha256, at, purged, shared in rows
    )
