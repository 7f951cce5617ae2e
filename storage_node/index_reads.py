"""What the node knows of its disk, read: blobs, records, tombstones, outbox. Any process of the node may.

Calls block and run in the node's threads. Each reading thread gets a connection of its own, so that
readers never wait for each other or for the writer. What SQLite raises is `StoreFailed` here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from atoll.model import AssetRecord, Blob, Tombstone
from atoll.node_api import AssetState, WantedItem
from storage_node.index_errors import our_error
from storage_node.index_looks import picture_of
from storage_node.index_rows import OutboxRow
from storage_node.index_schema import READER_CACHE_KIB, connect
from storage_node.store import BlobKey

T = TypeVar("T")


class BlobChunks(NamedTuple):
    """What tells right chunks of a blob from wrong ones (chunks.py). `digests`: as recorded at ingest."""

    key: BlobKey
    size: int
    digests: bytes


class HeldBlob(NamedTuple):
    """A blob this node holds: what it is, how to verify it, since when (Unix ms)."""

    blob: Blob
    chunk_digests: bytes
    fsynced_at: int
    verified_at: int

    @property
    def key(self) -> BlobKey:
        return BlobKey(self.blob.bucket, self.blob.sha256, self.blob.ext)

    @property
    def chunks(self) -> BlobChunks:
        return BlobChunks(self.key, self.blob.size, self.chunk_digests)


class Counts(NamedTuple):
    """Sizes for the heartbeat; `oldest_outbox_at` is 0 when the outbox is empty."""

    blobs: int
    bytes: int
    outbox: int
    oldest_outbox_at: int
    wanted: int
    quarantined: int


class IndexReads:
    """One node's index.db as readers see it; by itself in a worker process, else the half of an `Index`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()

    def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """What `look` finds, all of it in one snapshot. It may only read."""
        reader = self._reader()
        try:
            reader.execute("BEGIN")
            try:
                return look(reader)
            finally:
                reader.execute("COMMIT")
        except sqlite3.Error as error:
            raise our_error(error) from error

    def _rows(self, statement: str, *values: object) -> list[Any]:
        try:
            return self._reader().execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise our_error(error) from error

    def _row(self, statement: str, *values: object) -> Any:
        """The only row, or None."""
        return next(iter(self._rows(statement, *values)), None)

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path, READER_CACHE_KIB)
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            with self._lock:
                self._readers.append(connection)
        return connection

    def blob(self, bucket: str, sha256: str) -> HeldBlob | None:
        """The blob, if this node holds it."""
        row = self._row(
            "SELECT ext, size, width, height, frames, looks, chunk_digests, fsynced_at, verified_at"
            " FROM blobs WHERE bucket = ? AND sha256 = ?",
            bucket,
            bytes.fromhex(sha256),
        )
        if row is None:
            return None
        ext, size, width, height, frames, looks, digests, fsynced_at, verified_at = row
        blob = Blob(bucket, sha256, ext, size, picture_of(width, height, frames, looks))
        return HeldBlob(blob, digests, fsynced_at, verified_at)

    def quarantined(self, bucket: str, sha256: str) -> BlobChunks | None:
        """The chunks of a copy that was set aside, while some asset still uses the blob."""
        row = self._row(
            "SELECT ext, size, chunk_digests FROM quarantined AS q"
            " WHERE bucket = ? AND sha256 = ? AND size > 0 AND EXISTS"
            " (SELECT 1 FROM records AS r WHERE r.bucket = q.bucket AND r.sha256 = q.sha256)"
            " ORDER BY at DESC LIMIT 1",
            bucket,
            bytes.fromhex(sha256),
        )
        return BlobChunks(BlobKey(bucket, sha256, row[0]), row[1], row[2]) if row else None

    def asset(self, asset_id: str) -> AssetState:
        """All records of an asset, newest first, and its tombstone."""
        rows = self._rows("SELECT body FROM records WHERE asset_id = ? ORDER BY version DESC", asset_id)
        records = tuple(msgspec.json.decode(body, type=AssetRecord) for (body,) in rows)
        stone = self._row("SELECT body FROM tombstones WHERE asset_id = ?", asset_id)
        return AssetState(records, msgspec.json.decode(stone[0], type=Tombstone) if stone else None)

    def record_of_blob(self, bucket: str, sha256: str) -> AssetRecord | None:
        """Any one record that uses the blob."""
        row = self._row(
            "SELECT body FROM records WHERE bucket = ? AND sha256 = ? LIMIT 1", bucket, bytes.fromhex(sha256)
        )
        return msgspec.json.decode(row[0], type=AssetRecord) if row else None

    def needs(self, bucket: str, sha256: str) -> bool:
        """Whether a record uses the blob: its bytes are here, or should be."""
        return self.record_of_blob(bucket, sha256) is not None

    def outbox(self, limit: int) -> list[OutboxRow]:
        """The oldest events that wait."""
        rows = self._rows("SELECT seq, event_id, subject, body, at FROM outbox ORDER BY seq LIMIT ?", limit)
        return [OutboxRow(*row) for row in rows]

    def wanted(self, due_before: int, limit: int) -> list[WantedItem]:
        """Blobs that are missing here and due for another try, longest due first."""
        rows = self._rows(
            "SELECT body, since, tries, reason, due_at FROM wanted WHERE due_at <= ? ORDER BY due_at LIMIT ?",
            due_before,
            limit,
        )
        return [WantedItem(msgspec.json.decode(row[0], type=AssetRecord), *row[1:]) for row in rows]

    def unlinks(self, limit: int, last: BlobKey | None = None) -> list[BlobKey]:
        """Files whose blob is deleted but which may still lie on the disk, in order; those after `last`."""
        bucket, sha256 = (last.bucket, bytes.fromhex(last.sha256)) if last else ("", b"")
        rows = self._rows(
            "SELECT bucket, sha256, ext FROM unlinks WHERE (bucket, sha256) > (?, ?)"
            " ORDER BY bucket, sha256 LIMIT ?",
            bucket,
            sha256,
            limit,
        )
        return [BlobKey(bucket, sha256.hex(), ext) for bucket, sha256, ext in rows]

    def counts(self) -> Counts:
        """The sizes of things."""
        row = self._row(
            "SELECT blobs, bytes, outbox, coalesce((SELECT at FROM outbox ORDER BY seq LIMIT 1), 0),"
            " (SELECT count(*) FROM wanted), (SELECT count(*) FROM quarantined) FROM counters"
        )
        return Counts(*row)
