"""Chunk digests: what lets a part of a large blob be verified without reading all of it. Pure.

A blob of more than one chunk has the SHA-256 of each chunk recorded at ingest, in the same pass that
proved the whole against its name. A blob of one chunk needs none: its name is its digest.
"""

from __future__ import annotations

import hashlib

CHUNK_BYTES = 256 * 1024
DIGEST_BYTES = 32


class BlobHasher:
    """Feed bytes of any sizes; gives the blob's SHA-256 and its chunk digests.

    Up to the end of the first chunk one hash is both: most blobs are hashed once and not twice.
    """

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._chunk = self._whole
        self._in_chunk = 0
        self._digests = bytearray()
        self.size = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        self.size += len(view)
        while len(view) >= (room := CHUNK_BYTES - self._in_chunk):
            self._take(view[:room])
            self._digests += self._chunk.digest()
            self._chunk, self._in_chunk = hashlib.sha256(), 0
            view = view[room:]
        self._take(view)

    def _take(self, data: memoryview) -> None:
        self._whole.update(data)
        if self._chunk is not self._whole:
            self._chunk.update(data)
        self._in_chunk += len(data)

    def sha256(self) -> str:
        """The blob's name, in hex."""
        return self._whole.hexdigest()

    def chunk_digests(self) -> bytes:
        """32 bytes a chunk; empty when the blob is one chunk."""
        if self.size <= CHUNK_BYTES:
            return b""
        last = self._chunk.digest() if self._in_chunk else b""
        return bytes(self._digests) + last


def chunk_count(size: int) -> int:
    """How many chunks a blob of `size` bytes has."""
    return max(1, -(-size // CHUNK_BYTES))


def digest_of_chunk(sha256: str, digests: bytes, index: int) -> bytes:
    """The digest that chunk `index` must have. IndexError outside the blob."""
    if not digests:
        if index:
            raise IndexError(index)
        return bytes.fromhex(sha256)
    digest = digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]
    if index < 0 or len(digest) != DIGEST_BYTES:
        raise IndexError(index)
    return digest


def chunk_is_good(chunk: bytes, sha256: str, digests: bytes, index: int) -> bool:
    """Whether these are the bytes of chunk `index`."""
    return hashlib.sha256(chunk).digest() == digest_of_chunk(sha256, digests, index)
