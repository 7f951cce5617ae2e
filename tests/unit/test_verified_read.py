"""Reading with proof: every difference between a copy and its record is a bad copy, and nothing else is."""

from __future__ import annotations

import errno
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore

from atoll.model import Blob, Picture
from storage_node.chunks import CHUNK_BYTES, BlobHasher, chunk_count
from storage_node.index import HeldBlob
from storage_node.store import BlobKey, StoreFailed
from storage_node.verified_read import (
    BadCopy,
    chunk_length,
    is_present,
    is_right,
    read_chunk,
    read_whole,
    second_look,
)

SIZES = [1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 77]


def held(store: MemoryStore, size: int) -> tuple[HeldBlob, bytes]:
    body = random.Random(size).randbytes(size)
    hasher = BlobHasher()
    hasher.update(body)
    blob = Blob("photos", hashlib.sha256(body).hexdigest(), "jpg", size, Picture(1, 1))
    store.blobs[BlobKey("photos", blob.sha256, "jpg")] = body
    return HeldBlob(blob, hasher.chunk_digests(), 0, 0), body


@pytest.mark.parametrize("size", SIZES)
def test_a_good_copy_is_read_whole_and_in_chunks(size: int) -> None:
    store = MemoryStore()
    copy, body = held(store, size)
    assert read_whole(store, copy) == body
    assert b"".join(read_chunk(store, copy, i) for i in range(chunk_count(size))) == body
    assert second_look(store, copy) == copy.chunk_digests
    assert is_right(store, copy)
    assert is_present(store, copy)


@pytest.mark.parametrize("size", SIZES)
def test_one_flipped_bit_anywhere_is_found(size: int) -> None:
    store = MemoryStore()
    copy, body = held(store, size)
    for place in {0, size // 2, size - 1}:
        store.blobs[copy.key] = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(BadCopy):
            read_whole(store, copy)
        with pytest.raises(BadCopy):
            read_chunk(store, copy, place // CHUNK_BYTES)
        assert second_look(store, copy) is None
        assert not is_right(store, copy)


def test_the_other_chunks_of_a_bad_copy_are_still_readable() -> None:
    store = MemoryStore()
    copy, body = held(store, 3 * CHUNK_BYTES)
    store.blobs[copy.key] = body[:CHUNK_BYTES] + bytes(CHUNK_BYTES) + body[2 * CHUNK_BYTES :]
    assert read_chunk(store, copy, 0) == body[:CHUNK_BYTES]
    assert read_chunk(store, copy, 2) == body[2 * CHUNK_BYTES :]
    with pytest.raises(BadCopy):
        read_chunk(store, copy, 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("change", ["shorter", "longer", "gone", "empty"])
def test_a_copy_of_another_size_is_bad(size: int, change: str) -> None:
    store = MemoryStore()
    copy, body = held(store, size)
    if change == "gone":
        del store.blobs[copy.key]
    else:
        store.blobs[copy.key] = {"shorter": body[:-1], "longer": body + b"x", "empty": b""}[change]
    with pytest.raises(BadCopy):
        read_whole(store, copy)
    assert second_look(store, copy) is None
    assert not is_right(store, copy)
    assert not is_present(store, copy)
    if change != "longer":
        with pytest.raises(BadCopy):
            read_chunk(store, copy, chunk_count(size) - 1)


def test_chunks_outside_the_blob_do_not_exist() -> None:
    store = MemoryStore()
    copy, _ = held(store, CHUNK_BYTES + 1)
    for index in (-1, 2):
        with pytest.raises(IndexError):
            read_chunk(store, copy, index)


def test_wrong_digests_doubt_a_copy_and_a_second_look_clears_it() -> None:
    store = MemoryStore()
    copy, _ = held(store, 2 * CHUNK_BYTES)
    for digests in (b"", bytes(64), copy.chunk_digests[:32]):
        with pytest.raises(BadCopy):
            read_chunk(store, copy._replace(chunk_digests=digests), 1)
        assert second_look(store, copy._replace(chunk_digests=digests)) == copy.chunk_digests


class _FailingStore(MemoryStore):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def read(self, key: BlobKey, start: int = 0, length: int | None = None) -> bytes | None:
        raise StoreFailed("the disk failed") from OSError(self.number, "no")


def test_a_sector_that_cannot_be_read_is_a_bad_copy_but_a_lack_of_descriptors_is_not() -> None:
    store = _FailingStore(errno.EIO)
    copy, _ = held(store, 10)
    with pytest.raises(BadCopy):
        read_whole(store, copy)
    assert second_look(store, copy) is None
    store.number = errno.EMFILE
    with pytest.raises(StoreFailed):
        read_whole(store, copy)
    with pytest.raises(StoreFailed):
        second_look(store, copy)


@given(st.integers(1, 5 * CHUNK_BYTES))
def test_the_chunks_lengths_add_up_to_the_size(size: int) -> None:
    lengths = [chunk_length(size, index) for index in range(chunk_count(size))]
    assert sum(lengths) == size
    assert all(length == CHUNK_BYTES for length in lengths[:-1])
