"""What an upload's commit says, and where it is made: here, or at home (workers/commits.py).

The bytes are durable and staged; `place` renames them, makes the name durable, and begins the commit of blob,
record, ticket and event. Called by ingest.py, in the node's writer threads.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from msgspec import Struct

from atoll.ids import derived_id
from atoll.model import AssetRecord, Blob
from atoll.signing import Ticket
from storage_node.bucket_gate import BucketGate
from storage_node.index_naming import KEEP_ALL, VersionPolicy
from storage_node.index_ops import store_upload
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.placing import Placer
from storage_node.store import BlobKey, Staged


class UploadCommit(Struct, frozen=True):
    """Everything that a commit needs. `digests` of the chunks; `sent`: see `AssetRecord`; `made_of`: see
    `Upload`."""

    ticket: Ticket
    file: int
    blob: Blob
    digests: bytes
    filename: str | None
    versions: VersionPolicy = KEEP_ALL
    sent: str | None = None
    made_of: AssetRecord | None = None

    @property
    def asset_id(self) -> str:
        """Each file of a ticket is an asset of its own; the first has the ticket's id."""
        return derived_id(self.ticket.asset_id, self.file)

    @property
    def key(self) -> BlobKey:
        """Where the bytes lie."""
        return BlobKey(self.blob.bucket, self.blob.sha256, self.blob.ext)


class Commits(Protocol):
    """Where uploads end."""

    def place(self, staged: Staged, commit: UploadCommit) -> Future[AssetRecord]:
        """Put synced bytes in place; the future is their record, once that is durable. When it is refused,
        no file stays that nothing refers to."""


def operation_of(commit: UploadCommit, origin: Origin, gate: BucketGate) -> Operation[AssetRecord]:
    """The commit as one operation of the index, within what the bucket's policy allows."""
    operation = store_upload(
        commit.ticket,
        commit.file,
        commit.asset_id,
        commit.blob,
        commit.digests,
        commit.filename,
        origin,
        commit.versions,
        commit.sent,
        commit.made_of,
    )
    return gate.guarded(operation, commit.blob.bucket)


class OwnCommits:
    """In this process's own index."""

    def __init__(self, placer: Placer, origin: Origin, gate: BucketGate) -> None:
        self._placer, self._origin, self._gate = placer, origin, gate

    def place(self, staged: Staged, commit: UploadCommit) -> Future[AssetRecord]:
        """See `Commits`."""
        return self._placer.place(staged, commit.key, operation_of(commit, self._origin, self._gate))
