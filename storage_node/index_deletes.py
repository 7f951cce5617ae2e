"""Deletes in index.db: tombstones, what they take along, the receipt. Operations of the group commit."""

from __future__ import annotations

import sqlite3

import msgspec

from atoll.events import AssetDeleted, BlobDeleted
from atoll.model import Tombstone
from atoll.node_api import DeleteOrder
from storage_node.index_rows import encode, next_version, put_event, tombstone_version
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.store import BlobKey


def make_tombstone(order: DeleteOrder, origin: Origin) -> Operation[Tombstone]:
    """Delete all versions of an asset; a delete that repeats an earlier one answers with that one."""

    def operation(db: sqlite3.Connection) -> Tombstone:
        row = db.execute(
            "SELECT version, body FROM tombstones WHERE asset_id = ?", (order.asset_id,)
        ).fetchone()
        (newest,) = db.execute(
            "SELECT max(version) FROM records WHERE asset_id = ?", (order.asset_id,)
        ).fetchone()
        if row and row[0] >= (newest or ""):
            return msgspec.json.decode(row[1], type=Tombstone)
        now = origin.now_ms()
        stone = Tombstone(
            asset_id=order.asset_id,
            bucket=order.bucket,
            public_id=order.public_id,
            set=order.set,
            version=next_version(db, order.asset_id, now),
            deleted_at=now,
        )
        _apply_tombstone(db, stone)
        put_event(db, AssetDeleted(**origin.stamp(now), tombstone=stone))
        return stone

    return operation


def apply_tombstone(stone: Tombstone) -> Operation[bool]:
    """Take a tombstone from elsewhere; False when it is known already."""

    def operation(db: sqlite3.Connection) -> bool:
        if tombstone_version(db, stone.asset_id) >= stone.version:
            return False
        _apply_tombstone(db, stone)
        return True

    return operation


def _apply_tombstone(db: sqlite3.Connection, stone: Tombstone) -> None:
    db.execute(
        "INSERT INTO tombstones VALUES (?, ?, ?)"
        " ON CONFLICT (asset_id) DO UPDATE SET version = excluded.version, body = excluded.body",
        (stone.asset_id, stone.version, encode(stone)),
    )
    db.execute("DELETE FROM wanted WHERE asset_id = ? AND version <= ?", (stone.asset_id, stone.version))
    gone = db.execute(
        "DELETE FROM records WHERE asset_id = ? AND version <= ? RETURNING bucket, sha256",
        (stone.asset_id, stone.version),
    ).fetchall()
    for bucket, sha256 in set(gone):
        _release_blob(db, bucket, sha256)


def _release_blob(db: sqlite3.Connection, bucket: str, sha256: bytes) -> None:
    """Forget the blob unless another record uses it; its file is unlinked afterwards (deletes.py)."""
    if db.execute("SELECT 1 FROM records WHERE bucket = ? AND sha256 = ?", (bucket, sha256)).fetchone():
        return
    name = (bucket, sha256)
    set_aside = db.execute("SELECT ext FROM quarantined WHERE bucket = ? AND sha256 = ?", name).fetchone()
    held = db.execute("DELETE FROM blobs WHERE bucket = ? AND sha256 = ? RETURNING ext", name).fetchone()
    if row := held or set_aside:
        db.execute("INSERT OR REPLACE INTO unlinks VALUES (?, ?, ?)", (bucket, sha256, row[0]))


def unlinked(key: BlobKey, origin: Origin) -> Operation[None]:
    """The files of a deleted blob are gone, a bad copy in quarantine too: commit the receipt."""

    def operation(db: sqlite3.Connection) -> None:
        name = (key.bucket, bytes.fromhex(key.sha256))
        db.execute("DELETE FROM unlinks WHERE bucket = ? AND sha256 = ?", name)
        db.execute("DELETE FROM quarantined WHERE bucket = ? AND sha256 = ?", name)
        put_event(
            db,
            BlobDeleted(
                **origin.stamp(origin.now_ms()),
                bucket=key.bucket,
                sha256=key.sha256,
                ext=key.ext,
                reason="deleted",
            ),
        )

    return operation
