"""The seam behind which bytes lie: what a blob store must do. Implemented on files in disk_store.py.

All calls block and run in the node's threads. Errors: `NoSpace` when the disk is full, `StoreFailed`
when it fails otherwise, `FileNotFoundError` never – a missing blob is `None` or False.
One conformance suite (tests/integration/test_store_conformance.py) runs over every implementation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from atoll.errors import AtollError, Failed
from atoll.model import Extension


class StoreFailed(Failed):
    """The disk refused or failed."""

    status = 503
    slug = "store-failed"
    title = "The node's disk failed"


class BlobKey(NamedTuple):
    """Where a blob lies: its bucket, name and extension (names already checked)."""

    bucket: str
    sha256: str
    ext: Extension


class Space(NamedTuple):
    """Bytes on the store's file system, and its free inodes (0: unknown)."""

    total: int
    free: int
    inodes_free: int


class Staged(Protocol):
    """Bytes on their way in: on the same file system, visible to nobody."""

    path: Path

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append."""

    def sync(self) -> None:
        """Make the bytes durable."""

    def close(self) -> None:
        """Let go of them: they are in place. Called by `publish`, once."""

    def discard(self) -> None:
        """Remove; harmless after `publish` and when repeated."""


class BlobStore(Protocol):
    """Durable, immutable blobs by key."""

    def stage(self) -> Staged:
        """A new, empty staged file."""

    def publish(self, staged: Staged, key: BlobKey) -> None:
        """Put synced bytes in place, durably: after the return they survive a power cut. Replaces."""

    def publish_all(self, some: Sequence[tuple[Staged, BlobKey]]) -> list[AtollError | None]:
        """The same for several, which costs less than each by itself: what went wrong with each."""

    def read(self, key: BlobKey, start: int = 0, length: int | None = None) -> bytes | None:
        """Bytes from `start`; None when there is no such blob. Not verified: the caller does that."""

    def scan(self, key: BlobKey) -> Iterator[bytes]:
        """All bytes in pieces, from the disk and past any cache; nothing when there is no such blob."""

    def path(self, key: BlobKey) -> Path:
        """Where a streaming reader finds the bytes."""

    def size(self, key: BlobKey) -> int | None:
        """The stored size in bytes; None when there is no such blob."""

    def remove(self, key: BlobKey) -> bool:
        """Remove durably; False when it was not there."""

    def quarantine(self, key: BlobKey) -> Path | None:
        """Move a bad copy out of sight, durably, and say where; None when it was not there."""

    def read_quarantined(self, key: BlobKey, start: int, length: int) -> bytes | None:
        """As `read`, of the copy that was last quarantined. Some of it is wrong."""

    def remove_quarantined(self, key: BlobKey) -> bool:
        """Remove that copy durably; False when there is none."""

    def space(self) -> Space:
        """Room on the file system."""

    def probe(self) -> None:
        """Make something small durable, beside the blobs; returns once it is."""

    def clear_staged(self) -> int:
        """At start: remove what a crash left half-written; how many files."""
