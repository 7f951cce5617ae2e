"""What a name's rules mean in a commit: `overwrite=false`, and a bucket that keeps no versions. SQL only.

Called by the operations that add a version of an asset: index_ops.py, asset_edits.py.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from msgspec.structs import replace

from atoll.asset_edits import EditResult
from atoll.errors import AlreadyExists
from atoll.events import AssetDeleted
from atoll.model import AssetRecord, Tombstone
from storage_node.index_deletes import put_tombstone
from storage_node.index_rows import put_event
from storage_node.index_writer import Operation
from storage_node.origin import Origin


class VersionPolicy(NamedTuple):
    """Whether a bucket keeps older versions; if not, how long (seconds) their bytes lie in the trash."""

    keep: bool = True
    trash_seconds: int = 0


KEEP_ALL = VersionPolicy()


def check_free(db: sqlite3.Connection, asset_id: str, public_id: str) -> None:
    """`AlreadyExists` when this node has a record of the asset: what was deleted is free."""
    if db.execute("SELECT 1 FROM records WHERE asset_id = ? LIMIT 1", (asset_id,)).fetchone():
        raise AlreadyExists(
            "There is an asset of this name already. Say overwrite=true to give it a new version.",
            public_id=public_id,
        )


def bury_older(
    db: sqlite3.Connection, record: AssetRecord, origin: Origin, trash_seconds: int
) -> Tombstone | None:
    """Delete all versions of the asset that are older than `record`, which is committed; None without any.

    `moved_to` is the asset itself: where the tombstone overtakes the record, bytes that both share are kept.
    """
    (older,) = db.execute(
        "SELECT max(version) FROM records WHERE asset_id = ? AND version < ?",
        (record.asset_id, record.version),
    ).fetchone()
    if older is None:
        return None
    now = origin.now_ms()
    stone = Tombstone(
        asset_id=record.asset_id,
        bucket=record.bucket,
        public_id=record.public_id,
        set=record.set,
        version=older,
        deleted_at=now,
        purge_at=now + trash_seconds * 1000 if trash_seconds else 0,
        moved_to=record.asset_id,
    )
    put_tombstone(db, stone, now, origin.moved_seconds)
    put_event(db, AssetDeleted(**origin.stamp(now), tombstone=stone))
    return stone


def without_older(
    operation: Operation[EditResult], origin: Origin, trash_seconds: int
) -> Operation[EditResult]:
    """The edit, and then only the version it made is left."""

    def alone(db: sqlite3.Connection) -> EditResult:
        result = operation(db)
        stone = bury_older(db, result.records[-1], origin, trash_seconds) if result.records else None
        return replace(result, tombstones=(*result.tombstones, stone)) if stone else result

    return alone
