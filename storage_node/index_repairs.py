"""What index.db learns of a doubted copy: made good again, or right after all. Group-commit operations."""

from __future__ import annotations

import sqlite3

from atoll.model import Blob
from storage_node.index_ops import replicated
from storage_node.index_rows import put_blob, put_event
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.store import BlobKey


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
