"""What index.db says of a bucket, and the delete of all that is in one. Operations of the group commit.

Usage is read by the writer, behind all that was committed before it: whoever has been told "nothing, and
closed" knows that no upload was between its check and its commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder
from atoll.usage import BucketDeletes, BucketUsage
from storage_node.index_deletes import make_tombstone
from storage_node.index_writer import Operation
from storage_node.origin import Origin


def usage_of(bucket: str, closed: Callable[[], bool]) -> Operation[BucketUsage]:
    """One bucket's usage, zeros included."""

    def operation(db: sqlite3.Connection) -> BucketUsage:
        row = db.execute(
            "SELECT assets, blobs, bytes FROM bucket_usage WHERE bucket = ?", (bucket,)
        ).fetchone()
        assets, blobs, size = row or (0, 0, 0)
        return BucketUsage(bucket, assets, blobs, size, _leaving(db, bucket), closed())

    return operation


def all_usage(db: sqlite3.Connection) -> tuple[BucketUsage, ...]:
    """The usage of every bucket that has anything."""
    rows = db.execute("SELECT bucket, assets, blobs, bytes FROM bucket_usage WHERE assets OR blobs")
    return tuple(BucketUsage(*row) for row in rows)


def _leaving(db: sqlite3.Connection, bucket: str) -> int:
    """Blobs whose deletion has no closed receipt yet; there are few, and they have an index of their own."""
    (count,) = db.execute(
        "SELECT count(DISTINCT sha256) FROM receipts WHERE removed_at IS NULL AND bucket = ?", (bucket,)
    ).fetchone()
    return int(count)


def delete_some(order: BucketDeletes, origin: Origin, trash_seconds: int) -> Operation[int]:
    """Tombstones for up to `order.most` assets of the bucket, in one commit; how many."""

    def operation(db: sqlite3.Connection) -> int:
        # The index by blob has the bucket first and the asset's id in it: no record is read to find them.
        rows = db.execute(
            "SELECT asset_id FROM records WHERE bucket = ? LIMIT ?", (order.bucket, order.most)
        ).fetchall()
        asset_ids = {asset_id for (asset_id,) in rows}
        for asset_id in asset_ids:
            make_tombstone(_order(_newest(db, asset_id), order.trash_seconds), origin, trash_seconds)(db)
        return len(asset_ids)

    return operation


def _newest(db: sqlite3.Connection, asset_id: str) -> AssetRecord:
    (body,) = db.execute(
        "SELECT body FROM records WHERE asset_id = ? ORDER BY version DESC LIMIT 1", (asset_id,)
    ).fetchone()
    return msgspec.json.decode(body, type=AssetRecord)


def _order(record: AssetRecord, trash_seconds: int | None) -> DeleteOrder:
    return DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, trash_seconds)
