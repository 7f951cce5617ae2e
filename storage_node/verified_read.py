"""Reading blobs so that no wrong byte gets out: every byte returned here was checked against a digest.

A blob of one chunk is checked against its name, a larger one chunk by chunk against the digests recorded
at ingest, so that a range or a stream needs only the chunks it touches. Whatever is not as recorded –
missing, of another size, other bytes, a sector the disk cannot read – is a `BadCopy`.
Everything blocks and runs in the node's reader threads.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path

from storage_node.chunks import CHUNK_BYTES, DIGEST_BYTES, BlobHasher, chunk_count, chunk_is_good
from storage_node.index import BlobChunks, HeldBlob
from storage_node.store import BlobKey, BlobStore, StoreFailed

_PIECE = 1 << 20  # bytes read at once by who reads all
_BAD_SECTOR = {errno.EIO, getattr(errno, "EUCLEAN", errno.EIO)}  # the bytes are lost; other errors may pass


class BadCopy(Exception):
    """This node's copy of a blob is not what its name says.

    Not in the tree of errors that clients see: whoever reads answers it by taking a peer's copy.
    """

    def __init__(self, held: HeldBlob, reason: str) -> None:
        super().__init__(f"{held.blob.bucket}/{held.blob.sha256}: {reason}")
        self.held, self.reason = held, reason


def read_whole(store: BlobStore, held: HeldBlob) -> bytes:
    """All bytes, verified against the name. For blobs that may be held in memory."""
    blob = held.blob
    data = _read(store, held, 0, blob.size + 1)  # one more, so that a grown file is noticed
    if len(data) != blob.size:
        raise BadCopy(held, f"{len(data)} bytes instead of {blob.size}")
    if hashlib.sha256(data).hexdigest() != blob.sha256:
        raise BadCopy(held, "the bytes do not match the name")
    return data


def is_right(store: BlobStore, held: HeldBlob) -> bool:
    """Whether all bytes are what the name says. Half of the hashing of a `second_look`."""
    hasher = hashlib.sha256()
    return _feed(store, held, hasher.update) and hasher.hexdigest() == held.blob.sha256


def read_chunk(store: BlobStore, held: HeldBlob, index: int) -> bytes:
    """Chunk `index`, verified. IndexError outside the blob."""
    blob = held.blob
    length = chunk_length(blob.size, index)
    if len(held.chunk_digests) != expected_digest_bytes(blob.size):
        raise BadCopy(held, "its chunk digests are not whole")
    data = _read(store, held, index * CHUNK_BYTES, length)
    if len(data) != length:
        raise BadCopy(held, f"it ends in chunk {index}")
    if not chunk_is_good(data, blob.sha256, held.chunk_digests, index):
        raise BadCopy(held, f"chunk {index} does not match its digest")
    return data


def is_present(store: BlobStore, held: HeldBlob) -> bool:
    """Whether a file of the right size lies there. Cheap; proves nothing about its bytes."""
    return store.size(held.key) == held.blob.size


def second_look(store: BlobStore, held: HeldBlob) -> bytes | None:
    """Hash the whole copy: its chunk digests if the bytes are right after all, None if they are bad.

    A wrong digest row, or a bit that flipped in memory, must not condemn good bytes.
    """
    hasher = BlobHasher()
    good = _feed(store, held, hasher.update) and hasher.sha256() == held.blob.sha256
    return hasher.chunk_digests() if good else None


def _feed(store: BlobStore, held: HeldBlob, take: Callable[[bytes], None]) -> bool:
    """Give `take` the copy piece by piece. False: it has another size, or cannot be read."""
    size = 0
    while size <= held.blob.size:
        try:
            part = store.read(held.key, size, _PIECE)
        except StoreFailed as error:
            if is_bad_sector(error):
                return False
            raise
        if not part:
            break
        take(part)
        size += len(part)
    return size == held.blob.size


def salvage_chunk(store: BlobStore, blob: BlobChunks, index: int) -> bytes | None:
    """Chunk `index` of a copy that is known to be bad, wherever it lies by now, if that chunk is right."""
    length = chunk_length(blob.size, index)
    if len(blob.digests) != expected_digest_bytes(blob.size):
        return None
    # In this order: a copy is moved from its place to quarantine, at any moment, and never back.
    for read in (store.read, store.read_quarantined):
        try:
            data = read(blob.key, index * CHUNK_BYTES, length)
        except StoreFailed:
            continue  # it is a bad copy: that the disk cannot read it is no news
        if data and len(data) == length and chunk_is_good(data, blob.key.sha256, blob.digests, index):
            return data
    return None


def read_spooled(path: Path, key: BlobKey, size: int, digests: bytes, index: int) -> bytes:
    """Chunk `index` of a verified file that is not in the store, checked once more. `StoreFailed` if bad."""
    length = chunk_length(size, index)
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(index * CHUNK_BYTES)
            data = file.read(length)
    except OSError as error:
        raise StoreFailed(f"The disk failed: {error}") from error
    if len(data) != length or not chunk_is_good(data, key.sha256, digests, index):
        raise StoreFailed("A spooled file changed on the disk.")
    return data


def chunk_length(size: int, index: int) -> int:
    """How long chunk `index` of a blob of `size` bytes is. IndexError outside the blob."""
    if not 0 <= index < chunk_count(size):
        raise IndexError(index)
    return min(CHUNK_BYTES, size - index * CHUNK_BYTES)


def expected_digest_bytes(size: int) -> int:
    """How long the chunk digests of a blob of `size` bytes are."""
    return 0 if size <= CHUNK_BYTES else chunk_count(size) * DIGEST_BYTES


def _read(store: BlobStore, held: HeldBlob, start: int, length: int) -> bytes:
    try:
        data = store.read(held.key, start, length)
    except StoreFailed as error:
        if is_bad_sector(error):
            raise BadCopy(held, "the disk cannot read it") from error
        raise
    if data is None:
        raise BadCopy(held, "the file is missing")
    return data


def is_bad_sector(error: StoreFailed) -> bool:
    """Whether the disk says that it has lost the bytes; other errors may pass."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _BAD_SECTOR
