"""One blob's turn: read from the disk, hashed, now and then decoded. Blocking; in the scrubber's own thread.

A copy whose bytes are wrong is a `BadCopy`, which quarantine.py judges. A picture whose bytes are right and
that no decoder can read is another matter: every replica has these very bytes, so quarantine would only
take away what somebody uploaded. It is told to people, and stays.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from atoll.errors import Overloaded, TooManyPixels, Unavailable, Undecodable
from storage_node.chunks import BlobHasher
from storage_node.index import HeldBlob
from storage_node.inspection import Inspector
from storage_node.sniff import ALL_TYPES
from storage_node.store import BlobStore, StoreFailed
from storage_node.verified_read import BadCopy, is_bad_sector

_TYPES = {kind.extension: kind for kind in ALL_TYPES}
_ITS_OWN_FAULT = {"truncated", "undecodable", "decoder_crashed"}  # not: too slow, too large for us


def read_through(store: BlobStore, held: HeldBlob, rest: Callable[[int], None]) -> None:
    """Read the whole copy, `rest(bytes)` after each piece. `BadCopy` unless it is what the index says."""
    hasher = BlobHasher()
    try:
        for piece in store.scan(held.key):
            hasher.update(piece)
            if hasher.size > held.blob.size:
                raise BadCopy(held, f"more than {held.blob.size} bytes")
            rest(len(piece))
    except StoreFailed as error:
        if is_bad_sector(error):
            raise BadCopy(held, "the disk cannot read it") from error
        raise
    if hasher.size != held.blob.size:
        raise BadCopy(held, f"{hasher.size} bytes instead of {held.blob.size}" if hasher.size else "no bytes")
    if hasher.sha256() != held.blob.sha256:
        raise BadCopy(held, "the bytes do not match the name")
    if hasher.chunk_digests() != held.chunk_digests:
        raise BadCopy(held, "its chunk digests are wrong")


class Decoding:
    """Decodes a sample of `share` (0 to 1) of the pictures, in the workers that check uploads."""

    def __init__(self, store: BlobStore, inspector: Inspector, share: float, rng: random.Random) -> None:
        self._store, self._inspector, self._share, self._rng = store, inspector, share, rng

    def chosen(self) -> bool:
        """Whether the next picture belongs to the sample."""
        return self._rng.random() < self._share

    def fault(self, held: HeldBlob) -> str | None:
        """Why the picture cannot be read, "" when it can, None when that could not be found out now."""
        kind = _TYPES[held.blob.ext]
        try:
            self._inspector.begin(self._store.path(held.key), kind).result()
        except TooManyPixels as error:
            return _other_size(held, error)
        except Undecodable as error:
            reason = str(error.facts.get("reason", "undecodable"))
            return reason if reason in _ITS_OWN_FAULT else None
        except (Overloaded, Unavailable):
            return None  # uploads go first
        return ""


def _other_size(held: HeldBlob, error: TooManyPixels) -> str | None:
    """A picture may have been taken under other limits than today's; but then its record says that size."""
    picture, limit = held.blob.picture, error.facts.get("max_pixels")
    recorded = picture.width * picture.height * picture.frames
    return "other_size" if isinstance(limit, int) and recorded <= limit else None
