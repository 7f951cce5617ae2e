"""The tables of index.db, and how a connection to it is opened.

WAL with synchronous=FULL: every commit is fsynced, so an acknowledged upload and its outbox row survive
a power cut, and readers never wait for the writer (https://www.sqlite.org/wal.html).
Hashes are 32-byte blobs, times Unix milliseconds; records and events are JSON as on the wire.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from storage_node import repair_tables, usage_tables

SCHEMA_VERSION = 5
_FIRST_MADE = 2  # what `_TABLES` makes; a new file goes on from there as an older one would
BUSY_SECONDS = 10.0
WAL_BYTES = 16 * 2**20
WRITER_CACHE_KIB = 16 * 1024
READER_CACHE_KIB = 1024  # of each of many threads: the operating system's cache has the file anyway

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (
    one INTEGER PRIMARY KEY CHECK (one = 1), blobs INTEGER NOT NULL, bytes INTEGER NOT NULL,
    outbox INTEGER NOT NULL DEFAULT 0);
INSERT INTO counters VALUES (1, 0, 0, 0);

-- What this node holds. chunk_digests: 32 bytes a chunk, empty for blobs of one chunk.
CREATE TABLE blobs (
    bucket TEXT NOT NULL, sha256 BLOB NOT NULL, ext TEXT NOT NULL, size INTEGER NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, frames INTEGER NOT NULL,
    chunk_digests BLOB NOT NULL, fsynced_at INTEGER NOT NULL, verified_at INTEGER NOT NULL,
    PRIMARY KEY (bucket, sha256)) WITHOUT ROWID;
CREATE TRIGGER blob_added AFTER INSERT ON blobs BEGIN
    UPDATE counters SET blobs = blobs + 1, bytes = bytes + NEW.size;
    DELETE FROM unlinks WHERE bucket = NEW.bucket AND sha256 = NEW.sha256; END;
CREATE TRIGGER blob_gone AFTER DELETE ON blobs BEGIN
    UPDATE counters SET blobs = blobs - 1, bytes = bytes - OLD.size; END;

-- The records of the assets that use them: the truth the catalog indexes.
CREATE TABLE records (
    asset_id TEXT NOT NULL, version TEXT NOT NULL, bucket TEXT NOT NULL, sha256 BLOB NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (asset_id, version)) WITHOUT ROWID;
CREATE INDEX records_by_blob ON records (bucket, sha256);
CREATE TABLE tombstones (asset_id TEXT PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;

-- Used tickets: a ticket's file is one asset version, for ever.
CREATE TABLE tickets (
    ticket_id TEXT NOT NULL, file INTEGER NOT NULL, sha256 BLOB NOT NULL, asset_id TEXT NOT NULL,
    version TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, file)) WITHOUT ROWID;
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

-- Events committed but not yet acknowledged by the region's stream.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, subject TEXT NOT NULL, body BLOB NOT NULL,
    at INTEGER NOT NULL);

-- Blobs this node should hold and could not get yet; quarantined copies; files to unlink after a delete.
CREATE TABLE wanted (
    bucket TEXT NOT NULL, sha256 BLOB NOT NULL, asset_id TEXT NOT NULL, version TEXT NOT NULL,
    body BLOB NOT NULL, since INTEGER NOT NULL, tries INTEGER NOT NULL,
    reason TEXT NOT NULL, due_at INTEGER NOT NULL,
    PRIMARY KEY (asset_id, version)) WITHOUT ROWID;
CREATE INDEX wanted_by_due ON wanted (due_at);
CREATE TABLE quarantined (
    bucket TEXT NOT NULL, sha256 BLOB NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, file TEXT NOT NULL,
    ext TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL DEFAULT 0, chunk_digests BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (bucket, sha256, at)) WITHOUT ROWID;
CREATE TABLE unlinks (
    bucket TEXT NOT NULL, sha256 BLOB NOT NULL, ext TEXT NOT NULL,
    PRIMARY KEY (bucket, sha256)) WITHOUT ROWID;
"""

# Counted as they come and go: after a day without NATS, counting would read the whole outbox every second.
_OUTBOX_COUNT = """
CREATE TRIGGER event_added AFTER INSERT ON outbox BEGIN UPDATE counters SET outbox = outbox + 1; END;
CREATE TRIGGER event_gone AFTER DELETE ON outbox BEGIN UPDATE counters SET outbox = outbox - 1; END;
"""

_QUARANTINE_KEEPS_DIGESTS = """
ALTER TABLE quarantined ADD COLUMN ext TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantined ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantined ADD COLUMN chunk_digests BLOB NOT NULL DEFAULT x'';
UPDATE quarantined SET ext = substr(file, length(bucket) + 67);
"""
_COUNT_WHAT_IS_THERE = """
ALTER TABLE counters ADD COLUMN outbox INTEGER NOT NULL DEFAULT 0;
UPDATE counters SET outbox = (SELECT count(*) FROM outbox);
"""

# What is known of a blob's picture beyond its size (index_looks.py), as JSON; empty: nothing.
_LOOKS = "ALTER TABLE blobs ADD COLUMN looks TEXT NOT NULL DEFAULT '';"

# Of which asset a tombstone deletes one version; NULL: it is an asset's own.
_VERSION_TOMBSTONES = """
ALTER TABLE tombstones ADD COLUMN of_asset TEXT;
CREATE INDEX tombstones_of ON tombstones (of_asset, version) WHERE of_asset IS NOT NULL;
"""

# How a file of an older schema becomes one of the next, by the schema it has.
_UPGRADES = {
    1: (_QUARANTINE_KEEPS_DIGESTS, _COUNT_WHAT_IS_THERE, _OUTBOX_COUNT),
    2: (repair_tables.MIGRATION,),
    3: (_LOOKS,),
    4: (_VERSION_TOMBSTONES,),
}


def connect(path: Path, cache_kib: int = WRITER_CACHE_KIB) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun and ended in plain sight."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection


def prepare(connection: sqlite3.Connection, node: str) -> None:
    """Make the tables, or bring an older file up to date; ValueError for another node's or a later one."""
    # What a crashed run wrote to the log and did not sync looks committed now, and an answer may come to rest
    # on it without a commit of its own: a checkpoint syncs the log first.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    repair_tables.add_functions(connection)
    if version > SCHEMA_VERSION:
        raise ValueError(f"index.db has schema {version}; this version of Atoll reads {SCHEMA_VERSION}")
    if version == 0:
        _change(connection, f"{_TABLES} {_OUTBOX_COUNT}", _FIRST_MADE)
    for known in range(version or _FIRST_MADE, SCHEMA_VERSION):
        _change(connection, "".join(_UPGRADES[known]), known + 1)
    # The scrubber's order of work, and the order of the trash's pages. An index is no data: older files of
    # any schema get it as they are opened.
    connection.execute("CREATE INDEX IF NOT EXISTS blobs_by_verified ON blobs (verified_at, bucket, sha256)")
    connection.execute("CREATE INDEX IF NOT EXISTS trash_by_bucket ON trash (bucket, purge_at, asset_id)")
    usage_tables.ensure(connection)
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('node', ?)", (node,))
    (owner,) = connection.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()
    if owner != node:
        raise ValueError(f"this data directory belongs to node {owner!r}, not to {node!r}")


def _change(connection: sqlite3.Connection, statements: str, version: int) -> None:
    """All or nothing, the version included."""
    connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {version}; COMMIT;")
