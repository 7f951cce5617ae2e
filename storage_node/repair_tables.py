"""Tables of index.db for repair and proof: trees, trash, receipts. Part of index_schema.py.

`blobs`, `records` and `tombstones` are the rows that the trees of atoll/repair_api.py are made of. A place
is the first two bytes of an item's hash, as a BLOB: of a blob its own name's, so that an index over names
is all its leaf needs, of an asset those of SHA-256(asset_id), kept in a column. Which leaves were touched is
noted in memory (touched_leaves.py); digests.py makes digests anew from rows, never by adding to old ones.
"""

from __future__ import annotations

import sqlite3

from atoll.repair_api import leaf_of_asset

TABLES = """
CREATE INDEX blobs_by_name ON blobs (sha256);
CREATE INDEX records_by_leaf ON records (leaf);
CREATE INDEX tombstones_by_leaf ON tombstones (leaf, version);

-- Leaves that were touched since their digest was made, as they were at an orderly stop; leaves that are not
-- empty; all branches, of which one without a row is to be made anew from its leaves.
CREATE TABLE stale_leaves (
    tree TEXT NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (tree, leaf)) WITHOUT ROWID;
CREATE TABLE leaves (
    tree TEXT NOT NULL, leaf BLOB NOT NULL, digest TEXT NOT NULL, items INTEGER NOT NULL,
    PRIMARY KEY (tree, leaf)) WITHOUT ROWID;
CREATE TABLE branches (
    tree TEXT NOT NULL, branch BLOB NOT NULL, digest TEXT NOT NULL, items INTEGER NOT NULL,
    PRIMARY KEY (tree, branch)) WITHOUT ROWID;

-- Records that a tombstone took, while their bytes may still be brought back. purge_at: Unix ms.
CREATE TABLE trash (
    asset_id TEXT NOT NULL, version TEXT NOT NULL, bucket TEXT NOT NULL, sha256 BLOB NOT NULL,
    ext TEXT NOT NULL, purge_at INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (asset_id, version)) WITHOUT ROWID;
CREATE INDEX trash_by_blob ON trash (bucket, sha256);
CREATE INDEX trash_by_due ON trash (purge_at);

-- What became of a deleted asset's bytes. removed_at is NULL until they are out of service, purged_at until
-- they are erased; shared: they stay, because another asset uses them.
CREATE TABLE receipts (
    asset_id TEXT NOT NULL, bucket TEXT NOT NULL, sha256 BLOB NOT NULL,
    removed_at INTEGER, purged_at INTEGER, shared INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (asset_id, sha256)) WITHOUT ROWID;
-- Records that came back from the journal and whose bytes were not looked at since (rebuild.py).
CREATE TABLE unchecked (
    asset_id TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (asset_id, version)) WITHOUT ROWID;
CREATE INDEX receipts_open ON receipts (bucket, sha256) WHERE removed_at IS NULL;
"""

_TRIGGERS = """
CREATE TRIGGER bytes_came_again AFTER INSERT ON blobs BEGIN
    UPDATE receipts SET removed_at = NEW.fsynced_at, shared = 1
    WHERE bucket = NEW.bucket AND sha256 = NEW.sha256 AND removed_at IS NULL; END;
"""

_COLUMNS = """
ALTER TABLE records ADD COLUMN leaf BLOB NOT NULL DEFAULT x'';
ALTER TABLE tombstones ADD COLUMN leaf BLOB NOT NULL DEFAULT x'';
ALTER TABLE tombstones ADD COLUMN applied_at INTEGER NOT NULL DEFAULT 0;
UPDATE records SET leaf = atoll_leaf(asset_id);
UPDATE tombstones SET leaf = atoll_leaf(asset_id), applied_at = json_extract(body, '$.deleted_at');
"""

MIGRATION = f"{_COLUMNS} {TABLES} {_TRIGGERS}"


def place_of_asset(asset_id: str) -> bytes:
    """The leaf of an asset as the index keeps it: two bytes."""
    return leaf_of_asset(asset_id).to_bytes(2)


def add_functions(connection: sqlite3.Connection) -> None:
    """What `MIGRATION` calls."""
    connection.create_function("atoll_leaf", 1, place_of_asset, deterministic=True)
