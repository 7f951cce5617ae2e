"""What scrubbing asks of index.db and writes there.

The order of the work is the order of `verified_at`, so the work itself is the durable cursor: after a
restart the blobs read longest ago come first again, and what was read is behind them.

A check in the future was noted while the clock was ahead. When it was, nobody knows, so it counts as none:
such blobs come last of all that is due, and are overdue until they were read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from atoll.model import Blob, Extension, Milliseconds
from atoll.scrub_api import UnreadablePicture
from storage_node.index import HeldBlob
from storage_node.index_looks import picture_of
from storage_node.index_writer import Operation

_MEMORY = "scrub"
_NEVER = 2**63 - 1


class Place(NamedTuple):
    """Where a walk over the blobs by age stands: behind this one."""

    verified_at: int = -1
    bucket: str = ""
    sha256: bytes = b""


class Checked(NamedTuple):
    """A copy that was read and found right `at` a time (Unix ms); `fsynced_at` tells it from a later one."""

    bucket: str
    sha256: str
    fsynced_at: int
    at: int


class Standing(NamedTuple):
    """`oldest` is 0 without blobs; `left` of the round, `overdue` of the period, both with the `undated`,
    whose check is in the future."""

    blobs: int
    oldest: int
    left: int
    overdue: int
    undated: int = 0


class ScrubMemory(msgspec.Struct, frozen=True):
    """What is remembered over restarts. `round_at` is when the round under way, or the last one, began."""

    paused: bool = False
    round_at: Milliseconds = 0
    unreadable: tuple[UnreadablePicture, ...] = ()


def place_of(held: HeldBlob) -> Place:
    """The place behind this blob."""
    return Place(held.verified_at, held.blob.bucket, bytes.fromhex(held.blob.sha256))


def longest_unread(
    behind: Place, before: int, now: int, limit: int
) -> Callable[[sqlite3.Connection], list[HeldBlob]]:
    """Blobs behind a place that were last read before a time (Unix ms), oldest first; then the undated."""

    def look(db: sqlite3.Connection) -> list[HeldBlob]:
        due = _between(db, behind, before, limit)
        undated = max(behind, Place(now + 1))
        return due + _between(db, undated, _NEVER, limit - len(due))

    return look


def _between(db: sqlite3.Connection, behind: Place, before: int, limit: int) -> list[HeldBlob]:
    rows = db.execute(
        "SELECT bucket, sha256, ext, size, width, height, frames, looks,"
        " chunk_digests, fsynced_at, verified_at"
        " FROM blobs WHERE (verified_at, bucket, sha256) > (?, ?, ?) AND verified_at < ?"
        " ORDER BY verified_at, bucket, sha256 LIMIT ?",
        (*behind, before, limit),
    )
    return [_held(row) for row in rows]


def _held(row: tuple[str, bytes, str, int, int, int, int, str, bytes, int, int]) -> HeldBlob:
    bucket, sha256, ext, size, width, height, frames, looks, digests, fsynced_at, verified_at = row
    picture = picture_of(width, height, frames, looks)
    blob = Blob(bucket, sha256.hex(), msgspec.convert(ext, Extension), size, picture)
    return HeldBlob(blob, digests, fsynced_at, verified_at)


def standing(round_at: int, period_at: int, now: int) -> Callable[[sqlite3.Connection], Standing]:
    """How many blobs were not read since these times (Unix ms), which are not after `now`."""

    def look(db: sqlite3.Connection) -> Standing:
        (blobs,) = db.execute("SELECT blobs FROM counters").fetchone()
        (oldest,) = db.execute(
            "SELECT coalesce(min(verified_at), 0) FROM blobs WHERE verified_at <= ?", (now,)
        ).fetchone()
        older = "SELECT count(*) FROM blobs WHERE verified_at < ?"
        (left,) = db.execute(older, (round_at,)).fetchone()
        (overdue,) = db.execute(older, (period_at,)).fetchone()
        (undated,) = db.execute("SELECT count(*) FROM blobs WHERE verified_at > ?", (now,)).fetchone()
        return Standing(blobs, oldest, left + undated, overdue + undated, undated)

    return look


def checked(copies: Sequence[Checked], now: int) -> Operation[None]:
    """These copies were read and are right; a later check stands, unless it is after `now`."""

    def operation(db: sqlite3.Connection) -> None:
        db.executemany(
            "UPDATE blobs SET verified_at = CASE WHEN verified_at > ?1 THEN ?2 ELSE max(verified_at, ?2) END"
            " WHERE bucket = ?3 AND sha256 = ?4 AND fsynced_at = ?5",
            [(now, c.at, c.bucket, bytes.fromhex(c.sha256), c.fsynced_at) for c in copies],
        )

    return operation


def remembered(db: sqlite3.Connection) -> ScrubMemory:
    """What was remembered."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_MEMORY,)).fetchone()
    return msgspec.json.decode(row[0], type=ScrubMemory) if row else ScrubMemory()


def remember(memory: ScrubMemory) -> Operation[None]:
    """Remember instead of what was."""

    def operation(db: sqlite3.Connection) -> None:
        value = msgspec.json.encode(memory).decode()
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MEMORY, value))

    return operation
