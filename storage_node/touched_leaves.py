"""Which leaves of the trees were touched since their digests were made. SQL on the writing connection.

Kept in memory, in TEMP tables filled by TEMP triggers, so that noting it costs an upload no write to the
disk; an operation that is rolled back touches nothing. An orderly stop puts the list into index.db. After
any other end the list is gone, and every leaf counts as touched: a full reading costs seconds, a wrong
digest would hide a difference for ever.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from atoll.repair_api import FAN_OUT
from storage_node.index_writer import Operation

# No OR IGNORE: inside a trigger the statement that fired it rules on conflicts, and an upsert would fail.
_NOTE = "INSERT INTO touched SELECT n.tree, n.leaf FROM (SELECT {} AS leaf) AS n"
_NOTE += " WHERE NOT EXISTS (SELECT 1 FROM touched AS t WHERE (t.tree, t.leaf) = (n.tree, n.leaf));"
_BLOB = _NOTE.format("'blobs' AS tree, substr({}.sha256, 1, 2)")
_ASSET = _NOTE.format("'assets' AS tree, {}.leaf")


def _trigger(name: str, when: str, note: str, row: str) -> str:
    return f"CREATE TEMP TRIGGER {name} AFTER {when} BEGIN {note.format(row)} END;"


_WATCH = """
CREATE TEMP TABLE touched (tree TEXT NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (tree, leaf)) WITHOUT ROWID;
CREATE TEMP TABLE taken (tree TEXT NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (tree, leaf)) WITHOUT ROWID;
""" + "".join(
    (
        _trigger("touch_blob_added", "INSERT ON main.blobs", _BLOB, "NEW"),
        _trigger("touch_blob_gone", "DELETE ON main.blobs", _BLOB, "OLD"),
        _trigger("touch_record_added", "INSERT ON main.records", _ASSET, "NEW"),
        _trigger("touch_record_gone", "DELETE ON main.records", _ASSET, "OLD"),
        _trigger("touch_tombstone_added", "INSERT ON main.tombstones", _ASSET, "NEW"),
        _trigger("touch_tombstone_changed", "UPDATE ON main.tombstones", _ASSET, "NEW"),
    )
)

# What has items now, and what had some when digests were last made. With so many blobs that is nearly all
# there are, and finding out would take longer than the rest of a start.
_MANY_BLOBS = 100_000
_ALL_TOUCHED = """
INSERT OR IGNORE INTO touched SELECT 'blobs', substr(sha256, 1, 2) FROM blobs
UNION SELECT 'assets', leaf FROM records UNION SELECT 'assets', leaf FROM tombstones
UNION SELECT tree, leaf FROM leaves
"""


def watch(db: sqlite3.Connection) -> None:
    """From now on the connection notes what it touches; before it writes anything."""
    db.execute("PRAGMA temp_store = MEMORY")
    db.executescript(_WATCH)
    db.execute("BEGIN IMMEDIATE")
    if db.execute("DELETE FROM meta WHERE key = 'stale_leaves_kept'").rowcount:
        db.execute("INSERT INTO touched SELECT tree, leaf FROM stale_leaves")
    elif _has_many(db):
        leaves = (number.to_bytes(2) for number in range(FAN_OUT * FAN_OUT))
        db.executemany(
            "INSERT INTO touched VALUES ('blobs', ?1), ('assets', ?1)", ((leaf,) for leaf in leaves)
        )
    else:
        db.execute(_ALL_TOUCHED)
    db.execute("DELETE FROM stale_leaves")
    db.execute("COMMIT")


def _has_many(db: sqlite3.Connection) -> bool:
    (blobs,) = db.execute("SELECT blobs FROM counters").fetchone()
    return bool(blobs > _MANY_BLOBS)


def put_away(db: sqlite3.Connection) -> None:
    """An operation, the last one: nothing is touched after it."""
    db.execute("INSERT OR IGNORE INTO stale_leaves SELECT tree, leaf FROM temp.touched")
    db.execute("INSERT OR IGNORE INTO stale_leaves SELECT tree, leaf FROM temp.taken")
    db.execute("INSERT OR REPLACE INTO meta VALUES ('stale_leaves_kept', '1')")


class Span(NamedTuple):
    """Leaves of one tree, from the first to the last."""

    tree: str
    first: bytes
    last: bytes


def take(limit: int, span: Span | None = None) -> Operation[list[tuple[str, bytes]]]:
    """Up to `limit` touched leaves (of `span`), to be made anew from a later snapshot and then `done`.

    What was taken and not done is on the list again, as is what is touched meanwhile.
    """

    def operation(db: sqlite3.Connection) -> list[tuple[str, bytes]]:
        db.execute("INSERT OR IGNORE INTO touched SELECT tree, leaf FROM temp.taken")
        db.execute("DELETE FROM temp.taken")
        within = "" if span is None else "WHERE tree = ? AND leaf >= ? AND leaf <= ?"
        db.execute(
            f"INSERT INTO taken SELECT tree, leaf FROM temp.touched {within} LIMIT ?",  # noqa: S608 - ours
            (*(span or ()), limit),
        )
        db.execute("DELETE FROM touched WHERE (tree, leaf) IN (SELECT tree, leaf FROM temp.taken)")
        return db.execute("SELECT tree, leaf FROM temp.taken").fetchall()

    return operation


def done(db: sqlite3.Connection) -> None:
    """What was taken has been made anew, in this commit."""
    db.execute("DELETE FROM temp.taken")
