"""Records whose bytes this node does not hold: what no comparison of what is held would ever show. SQL."""

from __future__ import annotations

import sqlite3

import msgspec

from atoll.model import AssetRecord
from atoll.repair_api import FAN_OUT, MAX_UNHELD, BlobItem

_HIGHEST = b"\xff\xff\xff"


def unheld_branches(db: sqlite3.Connection) -> list[int]:
    """The branches of `assets` that have such records."""
    rows = db.execute(
        "SELECT DISTINCT substr(leaf, 1, 1) FROM records AS r WHERE NOT EXISTS"
        " (SELECT 1 FROM blobs AS b WHERE b.bucket = r.bucket AND b.sha256 = r.sha256)"
    )
    return sorted(branch[0] for (branch,) in rows)


def unheld(db: sqlite3.Connection, branch: int) -> list[BlobItem]:
    """The blobs that records of a branch of `assets` need and that are not here, at most `MAX_UNHELD`."""
    low = bytes((branch,))
    high = bytes((branch + 1,)) if branch + 1 < FAN_OUT else _HIGHEST
    rows = db.execute(
        "SELECT body FROM records AS r WHERE leaf >= ? AND leaf < ? AND NOT EXISTS"
        " (SELECT 1 FROM blobs AS b WHERE b.bucket = r.bucket AND b.sha256 = r.sha256) LIMIT ?",
        (low, high, MAX_UNHELD),
    )
    blobs = (msgspec.json.decode(body, type=AssetRecord).blob for (body,) in rows)
    return [BlobItem(b.bucket, b.sha256, b.ext, b.size) for b in blobs]
