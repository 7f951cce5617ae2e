"""Deletes in index.db: tombstones, what they take along, the receipts. Operations of the group commit.

What a delete goes through, each arrow one commit or one step on the disk that may be repeated:

    record, blob ──tombstone──► trash, unlinks, open receipt ──file moved to the trash, or erased──►
    removed (receipt closed, event) ──due──► file erased ──► purged (receipt complete, trash row gone)

removals.py does the steps on the disk and takes them up again after a crash at any point.
"""

from __future__ import annotations

import sqlite3

import msgspec

from atoll.errors import Conflict
from atoll.events import AssetDeleted, BlobDeleted
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import DeleteOrder
from storage_node.index_rows import encode, newest_version, next_version, put_event, tombstone_version
from storage_node.index_taken import check_form, kept_until, take_covered
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.repair_tables import place_of_asset
from storage_node.store import BlobKey


def make_tombstone(order: DeleteOrder, origin: Origin, trash_seconds: int = 0) -> Operation[Tombstone]:
    """Delete all versions of an asset; a delete that repeats an earlier one answers with that one.

    `trash_seconds` is the node's; the order's own goes before. An order for 0 also erases what an
    earlier delete left in the trash: by a new tombstone, so that every node hears of it.
    """
    seconds = trash_seconds if order.trash_seconds is None else order.trash_seconds

    def operation(db: sqlite3.Connection) -> Tombstone:
        now = origin.now_ms()
        known = known_tombstone(db, order.asset_id)
        here = newest_version(db, order.asset_id)
        if order.only_seen and here > (order.seen or ""):
            raise Conflict("A newer version came meanwhile.", asset_id=order.asset_id, version=here)
        newest = max(here, order.seen or "")
        if known and known.version >= newest and not (order.trash_seconds == 0 < known.purge_at):
            return known
        stone = Tombstone(
            asset_id=order.asset_id,
            bucket=order.bucket,
            public_id=order.public_id,
            set=order.set,
            version=next_version(db, order.asset_id, now, newest),
            deleted_at=now,
            purge_at=now + seconds * 1000 if seconds else 0,
        )
        put_tombstone(db, stone, now, origin.moved_seconds)
        put_event(db, AssetDeleted(**origin.stamp(now), tombstone=stone))
        return stone

    return operation


def apply_tombstone(stone: Tombstone, origin: Origin) -> Operation[bool]:
    """Take a tombstone from elsewhere; False when it is known already."""

    def operation(db: sqlite3.Connection) -> bool:
        check_form(stone)
        if tombstone_version(db, stone.asset_id) >= stone.version:
            return False
        put_tombstone(db, stone, origin.now_ms(), origin.moved_seconds)
        return True

    return operation


def known_tombstone(db: sqlite3.Connection, asset_id: str) -> Tombstone | None:
    """The tombstone under this id."""
    row = db.execute("SELECT body FROM tombstones WHERE asset_id = ?", (asset_id,)).fetchone()
    return msgspec.json.decode(row[0], type=Tombstone) if row else None


def put_tombstone(db: sqlite3.Connection, stone: Tombstone, now: int, moved_seconds: int) -> None:
    """The tombstone as applied `now`, and all that follows in the index. `moved_seconds`: see `Origin`."""
    db.execute(
        "INSERT INTO tombstones (asset_id, version, body, leaf, applied_at, of_asset)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (asset_id) DO UPDATE"
        " SET version = excluded.version, body = excluded.body, applied_at = excluded.applied_at",
        (stone.asset_id, stone.version, encode(stone), place_of_asset(stone.asset_id), now, stone.of),
    )
    records = take_covered(db, stone)
    for record in records:
        put_trash(db, record, kept_until(db, stone, record, now, moved_seconds))
    for key in {BlobKey(r.bucket, r.blob.sha256, r.blob.ext) for r in records}:
        _release_blob(db, key, now)


def put_trash(db: sqlite3.Connection, record: AssetRecord, purge_at: int) -> None:
    """A record that a tombstone took, and the open receipt of its bytes."""
    sha256 = bytes.fromhex(record.blob.sha256)
    db.execute(
        "INSERT OR REPLACE INTO trash VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            record.asset_id,
            record.version,
            record.bucket,
            sha256,
            record.blob.ext,
            purge_at,
            encode(record),
        ),
    )
    db.execute(
        "INSERT OR REPLACE INTO receipts (asset_id, bucket, sha256) VALUES (?, ?, ?)",
        (record.asset_id, record.bucket, sha256),
    )


def _release_blob(db: sqlite3.Connection, key: BlobKey, now: int) -> None:
    """Forget the blob unless another record uses it; its file follows (removals.py).

    The file is looked for even when the blob is not held: while a lost index is being rebuilt, bytes lie
    on the disk that the index does not know yet, and a bad copy may lie in quarantine.
    """
    name = (key.bucket, bytes.fromhex(key.sha256))
    if db.execute("SELECT 1 FROM records WHERE bucket = ? AND sha256 = ?", name).fetchone():
        db.execute(
            "UPDATE receipts SET removed_at = ?, shared = 1"
            " WHERE bucket = ? AND sha256 = ? AND removed_at IS NULL",
            (now, *name),
        )
        return
    db.execute("DELETE FROM blobs WHERE bucket = ? AND sha256 = ?", name)
    db.execute("INSERT OR REPLACE INTO unlinks VALUES (?, ?, ?)", (*name, key.ext))


def removed(key: BlobKey, origin: Origin, *, erased: bool) -> Operation[None]:
    """The file of a deleted blob is out of service, a bad copy in quarantine too: close the receipts.

    `erased`: it was not kept in the trash.
    """

    def operation(db: sqlite3.Connection) -> None:
        now, name = origin.now_ms(), (key.bucket, bytes.fromhex(key.sha256))
        db.execute("DELETE FROM unlinks WHERE bucket = ? AND sha256 = ?", name)
        db.execute("DELETE FROM quarantined WHERE bucket = ? AND sha256 = ?", name)
        db.execute(
            "UPDATE receipts SET removed_at = ? WHERE bucket = ? AND sha256 = ? AND removed_at IS NULL",
            (now, *name),
        )
        if erased:
            _drop_trash(db, name, "purged_at", now)
        put_event(
            db,
            BlobDeleted(
                **origin.stamp(now), bucket=key.bucket, sha256=key.sha256, ext=key.ext, reason="deleted"
            ),
        )

    return operation


def purged(key: BlobKey, now: int, *, erased: bool) -> Operation[None]:
    """The blob's trash rows are due. `erased`: no such bytes are left; else another asset has them."""

    def operation(db: sqlite3.Connection) -> None:
        name = (key.bucket, bytes.fromhex(key.sha256))
        if erased:
            _drop_trash(db, name, "purged_at", now)
        else:
            _drop_trash(db, name, "shared", 1, due=now)

    return operation


def _drop_trash(
    db: sqlite3.Connection, name: tuple[str, bytes], column: str, value: int, due: int = 2**62
) -> None:
    """Forget the blob's trash rows due until `due`, and say in their receipts why."""
    rows = db.execute(
        "DELETE FROM trash WHERE bucket = ? AND sha256 = ? AND purge_at <= ? RETURNING asset_id", (*name, due)
    ).fetchall()
    for (asset_id,) in rows:
        db.execute(
            f"UPDATE receipts SET {column} = ? WHERE asset_id = ? AND sha256 = ?",  # noqa: S608 - ours
            (value, asset_id, name[1]),
        )
