"""The trash in index.db, page by page: which deleted assets a restore would bring back. SQL only.

The table has a row for each version; what is told of an asset is what `restorable` would give. A page looks
at a bounded number of rows, for a prefix may fit none of a million.
"""

from __future__ import annotations

import sqlite3

import msgspec

from atoll.model import Tombstone
from atoll.trash_api import Trashed, TrashOrder, TrashPage, place_of, read_place
from storage_node.index_trash import is_deleted, newest_trashed

LOOKED = 2000  # rows for one page
_END = (2**62, "")  # before the first of all


def trash_page(db: sqlite3.Connection, order: TrashOrder, node: str, now: int) -> TrashPage:
    """A page of what can be restored at `now` (Unix ms)."""
    until, asset_id = _END if order.after is None else read_place(order.after)
    rows = db.execute(
        "SELECT DISTINCT purge_at, asset_id FROM trash WHERE bucket = ? AND purge_at > ?"
        " AND (purge_at, asset_id) < (?, ?) ORDER BY purge_at DESC, asset_id DESC LIMIT ?",
        (order.bucket, now, until, asset_id, LOOKED),
    ).fetchall()
    found: list[Trashed] = []
    for purge_at, name in rows:
        trashed = _trashed(db, purge_at, name, order.prefix, now)
        if trashed is not None:
            found.append(trashed)
        if len(found) == order.limit:
            return TrashPage(node, tuple(found), place_of(purge_at, name))
    return TrashPage(node, tuple(found), place_of(*rows[-1]) if len(rows) == LOOKED else None)


def _trashed(db: sqlite3.Connection, purge_at: int, asset_id: str, prefix: str, now: int) -> Trashed | None:
    """The asset, if it is deleted, was not renamed, and this row is of what would come back."""
    row = db.execute("SELECT body FROM tombstones WHERE asset_id = ?", (asset_id,)).fetchone()
    if row is None or not is_deleted(db, asset_id):
        return None
    stone = msgspec.json.decode(row[0], type=Tombstone)
    found = newest_trashed(db, asset_id, now)
    if stone.moved_to is not None or found is None:
        return None
    record, until = found
    if until != purge_at or not record.public_id.startswith(prefix):
        return None
    return Trashed(record, stone.deleted_at, purge_at)
