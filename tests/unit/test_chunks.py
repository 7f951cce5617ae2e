"""Chunk digests against hashlib, for bodies of every size in pieces of every size."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_node.chunks import (
    CHUNK_BYTES,
    DIGEST_BYTES,
    BlobHasher,
    chunk_count,
    chunk_is_good,
    digest_of_chunk,
)

BODY = random.Random(1).randbytes(CHUNK_BYTES * 4 + 1234)
SIZES = st.one_of(
    st.integers(0, len(BODY)),
    st.integers(-2, 2).flatmap(lambda d: st.integers(1, 4).map(lambda n: n * CHUNK_BYTES + d)),
)


def chunks_of(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


def hashed(data: bytes, cuts: list[int]) -> BlobHasher:
    hasher, at = BlobHasher(), 0
    for cut in [*sorted(cuts), len(data)]:
        hasher.update(memoryview(data)[at:cut])
        at = max(at, cut)
    return hasher


@given(SIZES, st.lists(st.integers(0, len(BODY)), max_size=6))
def test_digests_are_hashlibs_however_the_bytes_come(size, cuts):
    data = BODY[:size]
    hasher = hashed(data, [cut for cut in cuts if cut <= size])
    assert hasher.size == size
    assert hasher.sha256() == hashlib.sha256(data).hexdigest()
    expected = [hashlib.sha256(chunk).digest() for chunk in chunks_of(data)]
    assert hasher.chunk_digests() == (b"".join(expected) if size > CHUNK_BYTES else b"")


@given(SIZES.filter(bool), st.data())
def test_a_chunk_is_good_only_as_it_was(size, data):
    body = BODY[:size]
    hasher = hashed(body, [])
    index = data.draw(st.integers(0, chunk_count(size) - 1))
    chunk = chunks_of(body)[index]
    name, digests = hasher.sha256(), hasher.chunk_digests()
    assert chunk_is_good(chunk, name, digests, index)
    at = data.draw(st.integers(0, len(chunk) - 1))
    assert not chunk_is_good(chunk[:at] + bytes([chunk[at] ^ 1]) + chunk[at + 1 :], name, digests, index)
    assert not chunk_is_good(chunk[:at], name, digests, index)


@given(SIZES)
def test_there_are_as_many_digests_as_chunks(size):
    digests = hashed(BODY[:size], []).chunk_digests()
    assert chunk_count(size) == max(1, len(chunks_of(BODY[:size])))
    if digests:
        assert len(digests) == DIGEST_BYTES * chunk_count(size)


@pytest.mark.parametrize("index", [-1, 1, 5])
def test_a_blob_of_one_chunk_has_no_other(index):
    with pytest.raises(IndexError):
        digest_of_chunk("ab" * 32, b"", index)


@pytest.mark.parametrize("index", [-1, 3, 99])
def test_a_digest_outside_the_blob_is_an_error(index):
    with pytest.raises(IndexError):
        digest_of_chunk("ab" * 32, bytes(3 * DIGEST_BYTES), index)
