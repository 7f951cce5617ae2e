"""Which blob a URL path means. Pure.

`/{bucket}/{set}/{sha256}.{ext}` is the one form of a blob's path: nothing is decoded, lowered, trimmed
or resolved first, so that a path which is not spelt exactly so is refused here – with dots, escapes,
NUL or anything else in it – and never reaches the disk or a peer.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from atoll import names
from atoll.errors import BadRequest, NotFound
from atoll.model import Extension
from atoll.names import Handle
from storage_node.store import BlobKey

BLOB_SEGMENTS = 3  # of a path; one with more says a transformation: atoll/transformation/paths.py


class BlobAddress(NamedTuple):
    """A blob in a bucket, and the set that holds it."""

    bucket: str
    handle: Handle

    @property
    def key(self) -> BlobKey:
        """Where it lies on any node of the set."""
        return BlobKey(self.bucket, self.handle.sha256, cast(Extension, self.handle.ext))

    @property
    def path(self) -> str:
        """Its URL path."""
        return names.blob_path(self.bucket, self.handle)


def parse_address(path: str) -> BlobAddress:
    """The address in a raw URL path (no query).

    `NotFound` for paths that are not of this form at all, `BadName` for one whose parts are outside
    their grammar, `BadRequest` for bytes that no URL may hold.
    """
    if not path.isascii():
        raise BadRequest("A path is ASCII; other characters never occur in an image's URL.")
    segments = path.split("/")[1:]
    if not path.startswith("/") or segments[0] in names.RESERVED_BUCKETS:
        raise NotFound("Nothing is served at this path.")
    if len(segments) != BLOB_SEGMENTS:
        raise NotFound("Nothing is served at this path. An image is /{bucket}/{set}/{sha256}.{extension}.")
    bucket, set_name, blob = segments
    names.check_bucket(bucket)
    return BlobAddress(bucket, Handle(names.check_set(set_name), *names.split_blob_name(blob)))
