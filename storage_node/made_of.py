"""The image that a new version is made of, as it is by now: looked at before the making, and in its commit.

A node may lag behind what was ordered, and one of another set has no record at all: the order counts where it
is newer. Called by jobs/apply_job.py and index_ops.py. Pure SQL.
"""

from __future__ import annotations

import sqlite3

from atoll.errors import Conflict, NotFound
from atoll.model import AssetRecord
from storage_node.edit_rows import records_of
from storage_node.index_rows import is_covered


def as_it_is(db: sqlite3.Connection, ordered: AssetRecord) -> AssetRecord:
    """The newest of the node's records and `ordered`. `NotFound` when that is deleted."""
    newest = max([ordered, *records_of(db, ordered.asset_id)], key=lambda record: record.version)
    if is_covered(db, newest):
        raise NotFound("The image was deleted meanwhile.", asset_id=ordered.asset_id)
    return newest


def still_the_same(db: sqlite3.Connection, ordered: AssetRecord) -> AssetRecord:
    """The same, with other words perhaps; `Conflict` when it is another image."""
    now = as_it_is(db, ordered)
    if now.blob.sha256 != ordered.blob.sha256:
        raise Conflict("The image is another one by now.", asset_id=ordered.asset_id)
    return now
