"""What index.db counts per bucket: assets, blobs, bytes. Part of index_schema.py.

Triggers count in the commit that changes what is counted, so the figures are exact after a crash, a rebuild
from the journal, and deletes. They cost an upload two updates of a row that is in memory anyway; counting
when asked would read every record of the bucket. Files of any schema get the tables when they are opened,
for they only repeat what is there: all of it is counted once then.
"""

from __future__ import annotations

import sqlite3

_TABLE = """
CREATE TABLE bucket_usage (
    bucket TEXT PRIMARY KEY, assets INTEGER NOT NULL, blobs INTEGER NOT NULL, bytes INTEGER NOT NULL
    ) WITHOUT ROWID;
INSERT INTO bucket_usage SELECT bucket, sum(assets), sum(blobs), sum(bytes) FROM (
    SELECT bucket, count(DISTINCT asset_id) AS assets, 0 AS blobs, 0 AS bytes FROM records GROUP BY bucket
    UNION ALL SELECT bucket, 0, count(*), sum(size) FROM blobs GROUP BY bucket) GROUP BY bucket;
"""

_ROW = "INSERT INTO bucket_usage SELECT NEW.bucket, 0, 0, 0 WHERE NOT EXISTS"
_ROW += " (SELECT 1 FROM bucket_usage WHERE bucket = NEW.bucket)"
_OTHERS = "(SELECT 1 FROM records WHERE asset_id = {0}.asset_id AND version <> {0}.version)"

_TRIGGERS = f"""
CREATE TRIGGER usage_blob_added AFTER INSERT ON blobs BEGIN
    {_ROW};
    UPDATE bucket_usage SET blobs = blobs + 1, bytes = bytes + NEW.size WHERE bucket = NEW.bucket; END;
CREATE TRIGGER usage_blob_gone AFTER DELETE ON blobs BEGIN
    UPDATE bucket_usage SET blobs = blobs - 1, bytes = bytes - OLD.size WHERE bucket = OLD.bucket; END;
CREATE TRIGGER usage_asset_added AFTER INSERT ON records WHEN NOT EXISTS {_OTHERS.format("NEW")} BEGIN
    {_ROW};
    UPDATE bucket_usage SET assets = assets + 1 WHERE bucket = NEW.bucket; END;
CREATE TRIGGER usage_asset_gone AFTER DELETE ON records WHEN NOT EXISTS {_OTHERS.format("OLD")} BEGIN
    UPDATE bucket_usage SET assets = assets - 1 WHERE bucket = OLD.bucket; END;
"""  # noqa: S608 - ours


def ensure(connection: sqlite3.Connection) -> None:
    """Make the table and its triggers and count what is there, unless that was done; all or nothing."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bucket_usage'").fetchone()
    if known is None:
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} {_TRIGGERS} COMMIT;")
