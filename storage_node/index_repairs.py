"""What index.db learns of a doubted copy: bad, made good again, or right after all. Operations on it."""

from __future__ import annotations

import sqlite3

from atoll.events import BlobDeleted
from atoll.model import Blob
from storage_node.index import HeldBlob
from storage_node.index_ops import replicated
from storage_node.index_rows import put_blob, put_event
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.store import BlobKey


def quarantined(held: HeldBlob, file: str, reason: str, origin: Origin) -> Operation[None]:
    """A bad copy was moved away to `file`: the node does not hold the blob any more, and says so.

    The chunk digests stay with it, so that its right chunks still count (salvage.py).
    """
    bucket, sha256, ext = held.key

    def operation(db: sqlite3.Connection) -> None:
        now, name = origin.now_ms(), (bucket, bytes.fromhex(sha256))
        db.execute("DELETE FROM blobs WHERE bucket = ? AND sha256 = ?", name)
        (last,) = db.execute(
            "SELECT coalesce(max(at), 0) FROM quarantined WHERE bucket = ? AND sha256 = ?", name
        ).fetchone()
        at = max(now, last + 1)  # a new copy may go bad in the same millisecond, or the clock be set back
        db.execute(
            "INSERT INTO quarantined VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*name, at, reason, file, ext, held.blob.size, held.chunk_digests),
        )
        event = BlobDeleted(
            **origin.stamp(now), bucket=bucket, sha256=sha256, ext=ext, reason=f"quarantine: {reason}"
        )
        put_event(db, event)

    return operation


def repaired(blob: Blob, digests: bytes, origin: Origin) -> Operation[bool]:
    """A copy was replaced from a peer: held again. False when no record uses the blob any more.

    The look and the commit are one transaction, or a delete between them would leave a blob for ever.
    """

    def operation(db: sqlite3.Connection) -> bool:
        name = (blob.bucket, bytes.fromhex(blob.sha256))
        db.execute("DELETE FROM wanted WHERE bucket = ? AND sha256 = ?", name)
        if not db.execute("SELECT 1 FROM records WHERE bucket = ? AND sha256 = ?", name).fetchone():
            return False
        now = origin.now_ms()
        put_blob(db, blob, digests, now)
        put_event(db, replicated(blob, origin, now))
        return True

    return operation


def reverified(key: BlobKey, digests: bytes, now: int) -> Operation[None]:
    """The whole copy matches its name; these are its chunk digests."""

    def operation(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE blobs SET chunk_digests = ?, verified_at = ? WHERE bucket = ? AND sha256 = ?",
            (digests, now, key.bucket, bytes.fromhex(key.sha256)),
        )

    return operation


def in_order(first: Operation[None], *others: Operation[None]) -> Operation[None]:
    """Several operations as one: all or none."""

    def operation(db: sqlite3.Connection) -> None:
        for step in (first, *others):
            step(db)

    return operation
