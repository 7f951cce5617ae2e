"""The trash in index.db: what may be brought back, what is due to be erased, what is restored. SQL only."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from atoll.errors import Conflict, Unavailable
from atoll.events import BlobStored
from atoll.ids import version_id
from atoll.model import AssetRecord
from atoll.repair_api import RestoreOrder
from storage_node.index_rows import (
    newest_version,
    next_version,
    put_blob,
    put_event,
    put_record,
    tombstone_version,
)
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.store import BlobKey


class Buried(NamedTuple):
    """What the index says of a deleted blob's file: kept in the trash until (Unix ms; 0: nothing keeps it).

    `needed`: the blob is held again, or a record waits for it, so that its file must stay.
    """

    keep_until: int
    needed: bool


def burial(db: sqlite3.Connection, key: BlobKey) -> Buried:
    """How long the trash keeps this blob's file, and whether it is needed as well."""
    name = (key.bucket, bytes.fromhex(key.sha256))
    (until,) = db.execute(
        "SELECT coalesce(max(purge_at), 0) FROM trash WHERE bucket = ? AND sha256 = ?", name
    ).fetchone()
    (needed,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM blobs WHERE bucket = ?1 AND sha256 = ?2)"
        " OR EXISTS (SELECT 1 FROM records WHERE bucket = ?1 AND sha256 = ?2)",
        name,
    ).fetchone()
    return Buried(until, bool(needed))


def due(db: sqlite3.Connection, now: int, limit: int) -> list[BlobKey]:
    """Blobs of which something in the trash is due, and whose file has been moved there."""
    rows = db.execute(
        "SELECT DISTINCT t.bucket, t.sha256, t.ext FROM trash AS t WHERE t.purge_at <= ? AND NOT EXISTS"
        " (SELECT 1 FROM unlinks AS u WHERE u.bucket = t.bucket AND u.sha256 = t.sha256) LIMIT ?",
        (now, limit),
    )
    return [BlobKey(bucket, sha256.hex(), ext) for bucket, sha256, ext in rows]


def next_due(db: sqlite3.Connection) -> int | None:
    """When the next of the trash is due (Unix ms)."""
    found: int | None = db.execute("SELECT min(purge_at) FROM trash").fetchone()[0]
    return found


def restorable(db: sqlite3.Connection, order: RestoreOrder, now: int) -> AssetRecord | None:
    """The newest version that lies in the trash and is not due.

    `Conflict` when the asset is not deleted; `Unavailable` when the order and this node do not know of the
    same delete.
    """
    _check_deleted(db, order)
    found = newest_trashed(db, order.asset_id, now)
    return found[0] if found else None


def newest_trashed(db: sqlite3.Connection, asset_id: str, now: int) -> tuple[AssetRecord, int] | None:
    """The version of an asset that a restore would bring back, and when it is due (Unix ms)."""
    rows = db.execute(
        "SELECT body, purge_at FROM trash WHERE asset_id = ? AND purge_at > ? ORDER BY version DESC",
        (asset_id, now),
    )
    found = ((msgspec.json.decode(body, type=AssetRecord), until) for body, until in rows)
    return next(((record, until) for record, until in found if not _forgotten(db, record)), None)


def _forgotten(db: sqlite3.Connection, record: AssetRecord) -> bool:
    """Whether this version was deleted by itself: then it does not come back with its asset."""
    return tombstone_version(db, stone_of(record)) != ""


def stone_of(record: AssetRecord) -> str:
    """The id of the tombstone that this version has if it is deleted by itself."""
    return version_id(record.asset_id, record.content_version)


def restored(
    trashed: AssetRecord, order: RestoreOrder, digests: bytes, origin: Origin
) -> Operation[AssetRecord | None]:
    """The bytes are in place: commit the asset as a new version. None when it was purged meanwhile."""

    def operation(db: sqlite3.Connection) -> AssetRecord | None:
        now, asset_id = origin.now_ms(), trashed.asset_id
        _check_deleted(db, order)
        gone = db.execute(
            "DELETE FROM trash WHERE asset_id = ? AND version = ? AND purge_at > ?",
            (asset_id, trashed.version, now),
        ).rowcount
        if not gone:
            return None
        ordered = now if order.at is None else min(now, order.at)
        version = next_version(db, asset_id, ordered, order.deleted or "")
        record = msgspec.structs.replace(trashed, version=version, content=None)
        put_blob(db, record.blob, digests, now)
        put_record(db, record)
        put_event(db, BlobStored(**origin.stamp(now), asset=record))
        return record

    return operation


def is_deleted(db: sqlite3.Connection, asset_id: str) -> bool:
    """Whether no version of it is newer than its tombstone."""
    return newest_version(db, asset_id) <= tombstone_version(db, asset_id)


def _check_deleted(db: sqlite3.Connection, order: RestoreOrder) -> None:
    newest, stone = newest_version(db, order.asset_id), tombstone_version(db, order.asset_id)
    if newest > max(stone, order.deleted or ""):
        raise Conflict("This asset is not deleted.", asset_id=order.asset_id)
    if order.deleted and stone > order.deleted:
        raise _unlike("This asset was deleted once more meanwhile.", order)
    if newest > stone:
        raise _unlike("This node has not heard of the delete yet.", order)


def _unlike(what: str, order: RestoreOrder) -> Unavailable:
    return Unavailable(what, asset_id=order.asset_id, retry_after=1)
