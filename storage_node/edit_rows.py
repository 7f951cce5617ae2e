"""What edits of assets look up and write in index.db. Called by the edit_*.py operations, in their commit."""

from __future__ import annotations

import sqlite3

import msgspec

from atoll.errors import NotFound, Unavailable
from atoll.events import BlobStored
from atoll.model import AssetRecord, Blob
from storage_node.index_rows import is_held, put_event, put_record
from storage_node.origin import Origin


def records_of(db: sqlite3.Connection, asset_id: str) -> list[AssetRecord]:
    """All records of an asset, newest first."""
    rows = db.execute("SELECT body FROM records WHERE asset_id = ? ORDER BY version DESC", (asset_id,))
    return [msgspec.json.decode(body, type=AssetRecord) for (body,) in rows.fetchall()]


def versions_of(db: sqlite3.Connection, asset_id: str) -> list[AssetRecord]:
    """What people call its versions, newest first: of each the record that describes it last."""
    latest: dict[str, AssetRecord] = {}
    for record in records_of(db, asset_id):
        latest.setdefault(record.content_version, record)
    return sorted(latest.values(), key=lambda record: record.content_version, reverse=True)


def version_of(db: sqlite3.Connection, asset_id: str, version: str | None) -> AssetRecord:
    """A version as last described (None: the current one); `NotFound` when this node has none such."""
    for record in records_of(db, asset_id):
        if version is None or version in (record.content_version, record.version):
            return record
    raise NotFound("There is no such version of this asset.", asset_id=asset_id, version=version)


def check_held(db: sqlite3.Connection, blob: Blob) -> None:
    """`Unavailable` when the bytes are not here now: an event that says "stored" must not lie."""
    if not is_held(db, blob):
        raise Unavailable("This node lacks the bytes of this version now.", sha256=blob.sha256, retry_after=1)


def add_edited(db: sqlite3.Connection, record: AssetRecord, origin: Origin, now: int) -> None:
    """Commit a record whose bytes are here already, and tell everybody."""
    check_held(db, record.blob)
    put_record(db, record)
    put_event(db, BlobStored(**origin.stamp(now), asset=record))
