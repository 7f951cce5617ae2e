"""The durable write path: from a complete body to an acknowledged asset version. Blocks; runs in threads.

The order is invariant 1: look at the bytes (type, then a full decode in a worker process while the file
is being fsynced), rename into place and fsync the directories, then commit blob, record, ticket and
event in one index transaction. Only then is the upload acknowledged. Whatever fails before leaves
nothing that anyone can see.

No thread waits for the commit (placing.py).
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from atoll.errors import EmptyBody, NotAnImage, TypeMismatch
from atoll.model import AssetRecord, Blob
from atoll.names import CONTENT_TYPES
from atoll.signing import Ticket
from storage_node.chunks import BlobHasher
from storage_node.commits import Commits, UploadCommit
from storage_node.index_naming import KEEP_ALL, VersionPolicy
from storage_node.inspection import Inspection, InspectionLimits, Inspector
from storage_node.sniff import Claim, ImageType, agrees, is_svg, sniff
from storage_node.spool import Spool
from storage_node.store import BlobStore, Staged
from storage_node.strip import check_same_picture, pieces_of


@dataclass(frozen=True)
class Upload:
    """What the sender said of one file: its place in the ticket, and what type it claims to be.

    `made_of`: the image that the node made it of, whose next version it is (jobs/apply_job.py).
    """

    ticket: Ticket
    file: int
    filename: str | None
    claims: tuple[Claim, ...]
    allowed: tuple[str, ...]
    limits: InspectionLimits
    versions: VersionPolicy = KEEP_ALL
    strip: bool = False
    made_of: AssetRecord | None = None


class Ingest:
    """Turns spooled bodies into asset records."""

    def __init__(self, store: BlobStore, inspector: Inspector, commits: Commits) -> None:
        self._store, self._inspector, self._commits = store, inspector, commits

    def accept(self, spool: Spool, upload: Upload) -> Future[AssetRecord]:
        """Put a complete body in place; the future is its record, set once that is durable.

        Raises what is wrong with the body, or with us; so does the future (a replayed ticket).
        """
        try:
            kind = _check_type(spool, upload)
            staged, hasher = spool.finish()
            if upload.strip:
                spool.body = None  # what is kept is not what came
                return self._accept_stripped(staged, hasher, kind, upload)
            seen = self._inspect_and_sync(staged, kind, upload.limits)
            return self._commit(staged, hasher, kind, seen, upload)
        finally:
            spool.discard()

    def _accept_stripped(
        self, came: Staged, sent: BlobHasher, kind: ImageType, upload: Upload
    ) -> Future[AssetRecord]:
        """The same for a copy without metadata, once a decoder has seen the same picture in both."""
        seen = self._inspector.begin(came.path, kind, upload.limits).result()
        bare, hasher = self._store.stage(), BlobHasher()
        try:
            for piece in pieces_of(came.path, kind, seen.orientation):
                bare.write(piece)
                hasher.update(piece)
            left = self._inspect_and_sync(bare, kind, upload.limits)
            check_same_picture(seen, left, kind)
            same = hasher.sha256() == sent.sha256()
            return self._commit(bare, hasher, kind, left, upload, None if same else sent.sha256())
        finally:
            bare.discard()

    def _inspect_and_sync(self, staged: Staged, kind: ImageType, limits: InspectionLimits) -> Inspection:
        pending = self._inspector.begin(staged.path, kind, limits)
        try:
            staged.sync()  # the disk works while the worker decodes
        except BaseException:
            pending.abandon()
            raise
        return pending.result()

    def _commit(
        self,
        staged: Staged,
        hasher: BlobHasher,
        kind: ImageType,
        seen: Inspection,
        upload: Upload,
        sent: str | None = None,
    ) -> Future[AssetRecord]:
        blob = Blob(upload.ticket.bucket, hasher.sha256(), kind.extension, hasher.size, seen.picture)
        commit = UploadCommit(
            upload.ticket,
            upload.file,
            blob,
            hasher.chunk_digests(),
            upload.filename,
            upload.versions,
            sent,
            upload.made_of,
        )
        return self._commits.place(staged, commit)


def _check_type(spool: Spool, upload: Upload) -> ImageType:
    """The type of the bytes, if it is one we take and what the sender said it is."""
    if spool.size == 0:
        raise EmptyBody("The file is empty. Send the bytes of an image.", filename=upload.filename)
    kind = sniff(spool.head)
    if kind is None and is_svg(spool.head, upload.filename):
        raise NotAnImage(
            "SVG is not taken: a vector file can carry scripts, which run in the browser of whoever looks at"
            " it. Rasterise it first, for example to PNG or WebP, and upload that.",
            found="image/svg+xml",
        )
    if kind is None or kind.extension not in upload.allowed:
        taken = ", ".join(CONTENT_TYPES[ext] for ext in upload.allowed)
        found = kind.content_type if kind else "unknown"
        raise NotAnImage(f"This is not an image of a type that is taken here: {taken}.", found=found)
    for claim in upload.claims:
        if not agrees(kind, claim):
            declared = sorted(CONTENT_TYPES[ext] for ext in claim or ())
            raise TypeMismatch(
                f"The bytes are {kind.content_type}, but something else was declared. "
                "Correct the Content-Type or the file name's extension.",
                found=kind.content_type,
                declared=declared,
            )
    return kind
