"""The rows that several operations of index.db write or ask for. Plain SQL on the given connection."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from atoll.events import AnyEvent, subject_of
from atoll.ids import id_time_ms, new_id, version_id
from atoll.model import AssetRecord, Blob
from storage_node.index_looks import looks_of
from storage_node.repair_tables import place_of_asset

encode = msgspec.json.Encoder().encode


class OutboxRow(NamedTuple):
    """An event that waits for its stream."""

    seq: int
    event_id: str
    subject: str
    body: bytes
    at: int


def put_event(db: sqlite3.Connection, event: AnyEvent) -> None:
    db.execute(
        "INSERT INTO outbox (event_id, subject, body, at) VALUES (?, ?, ?, ?)",
        (event.id, subject_of(event), encode(event), event.at),
    )


def put_blob(db: sqlite3.Connection, blob: Blob, digests: bytes, now: int) -> bool:
    """True when the blob is new here; a blob that was here has just been written and verified again."""
    p, looks = blob.picture, looks_of(blob.picture)
    before = db.total_changes
    db.execute(
        "INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (bucket, sha256) DO NOTHING",
        (
            blob.bucket,
            bytes.fromhex(blob.sha256),
            blob.ext,
            blob.size,
            p.width,
            p.height,
            p.frames,
            digests,
            now,
            now,
            looks,
        ),
    )
    if db.total_changes > before:
        return True
    db.execute(
        # The same bytes look the same; but who looked before may have known less to look for.
        "UPDATE blobs SET fsynced_at = ?1, verified_at = ?1,"
        " looks = CASE WHEN length(?2) > length(looks) THEN ?2 ELSE looks END"
        " WHERE bucket = ?3 AND sha256 = ?4",
        (now, looks, blob.bucket, bytes.fromhex(blob.sha256)),
    )
    return False


def put_looks(db: sqlite3.Connection, blob: Blob) -> None:
    """Somebody may have looked at these bytes again, and found more."""
    db.execute(
        "UPDATE blobs SET looks = ?1 WHERE bucket = ?2 AND sha256 = ?3 AND length(looks) < length(?1)",
        (looks_of(blob.picture), blob.bucket, bytes.fromhex(blob.sha256)),
    )


def put_record(db: sqlite3.Connection, record: AssetRecord) -> None:
    db.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (asset_id, version) DO NOTHING",
        (
            record.asset_id,
            record.version,
            record.bucket,
            bytes.fromhex(record.blob.sha256),
            encode(record),
            place_of_asset(record.asset_id),
        ),
    )


def tombstone_version(db: sqlite3.Connection, asset_id: str) -> str:
    row = db.execute("SELECT version FROM tombstones WHERE asset_id = ?", (asset_id,)).fetchone()
    return row[0] if row else ""


def is_held(db: sqlite3.Connection, blob: Blob) -> bool:
    """Whether the blob's bytes are here, as far as the index knows."""
    name = (blob.bucket, bytes.fromhex(blob.sha256))
    return db.execute("SELECT 1 FROM blobs WHERE bucket = ? AND sha256 = ?", name).fetchone() is not None


def is_covered(db: sqlite3.Connection, record: AssetRecord) -> bool:
    """Whether a tombstone that is known here deletes this record: its asset's, or its version's own."""
    if tombstone_version(db, record.asset_id) >= record.version:
        return True
    stone = version_id(record.asset_id, record.content_version)
    return db.execute("SELECT 1 FROM tombstones WHERE asset_id = ?", (stone,)).fetchone() is not None


def newest_version(db: sqlite3.Connection, asset_id: str) -> str:
    """The newest version of an asset that has a record here; empty: none."""
    (found,) = db.execute("SELECT max(version) FROM records WHERE asset_id = ?", (asset_id,)).fetchone()
    return found or ""


def next_version(db: sqlite3.Connection, asset_id: str, now: int, seen: str = "") -> str:
    """A version greater than all this node knows of the asset and than `seen`, whatever the clocks say."""
    (known,) = db.execute(
        "SELECT max(coalesce((SELECT max(version) FROM records WHERE asset_id = ?1), ''),"
        " coalesce((SELECT version FROM tombstones WHERE asset_id = ?1), ''),"
        " coalesce((SELECT max(version) FROM tombstones WHERE of_asset = ?1), ''))",
        (asset_id,),
    ).fetchone()
    above = max(known, seen)
    return new_id(max(now, id_time_ms(above) + 1) if above else now)
