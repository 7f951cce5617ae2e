"""An index.db of as many blobs and records as wanted, without their bytes: what comparisons are measured on.

Every row is written by the node's own functions; only the files are not there. Blob number n is the same
wherever it is made, so two indexes hold the same exactly when they were given the same numbers. Used by
`compare` and by the test of what a comparison may move.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from storage_node.index import Index
from storage_node.index_rows import put_blob, put_record
from storage_node.index_schema import connect, prepare

BUCKET, SET = "pictures", "s1"
_LONG_AGO_MS = 1_700_000_000_000
_LONG_AGO = new_id(_LONG_AGO_MS)[:10]
_AT_ONCE = 1000
_CACHE_KIB = 256 * 1024


def record(number: int) -> AssetRecord:
    """The record of a number: its hash is as even as any."""
    sha256 = hashlib.sha256(b"%d" % number).hexdigest()
    name = _LONG_AGO + sha256[:16]  # in the order of the hashes, as a B-tree is written fastest
    blob = Blob(BUCKET, sha256, "jpg", 80_000, Picture(1280, 960))
    return AssetRecord(name, name, name, SET, blob, _LONG_AGO_MS)


def fill(path: Path, node: str, numbers: Iterable[int]) -> None:
    """Make the index of a node that is not running, holding all of these."""
    records = sorted(map(record, numbers), key=lambda each: each.blob.sha256)
    with closing(connect(path, _CACHE_KIB)) as db:
        prepare(db, node)
        db.execute("PRAGMA synchronous = OFF")  # it is thrown away after a power cut
        db.execute("BEGIN IMMEDIATE")
        for each in records:
            _hold(db, each)
        db.execute("COMMIT")


def add(index: Index, numbers: Iterable[int]) -> None:
    """Hold these as well, in an index that is in use. Its queue is bounded, and so is what is put there."""
    waiting = iter(numbers)
    while some := list(islice(waiting, _AT_ONCE)):
        for done in [index.write(partial(_hold, record=record(number))) for number in some]:
            done.result()


def _hold(db: sqlite3.Connection, record: AssetRecord) -> None:
    put_blob(db, record.blob, b"", _LONG_AGO_MS)
    put_record(db, record)
