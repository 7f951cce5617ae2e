"""Reading past the page cache: all the bytes, and the cache as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage_node.cold_read import _drop, cached, cold_pieces

PIECE = 64 * 1024
SIZE = 16 * PIECE


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 17])
def test_all_bytes_come_in_order(tmp_path, size):
    body = os.urandom(size)
    (tmp_path / "blob").write_bytes(body)
    pieces = list(cold_pieces(str(tmp_path / "blob"), PIECE))
    assert b"".join(pieces) == body
    assert all(len(piece) == PIECE for piece in pieces[:-1])


def test_a_missing_or_empty_file_has_no_pieces(tmp_path):
    (tmp_path / "empty").touch()
    assert list(cold_pieces(str(tmp_path / "missing"))) == []
    assert list(cold_pieces(str(tmp_path / "empty"))) == []


def test_a_file_that_is_cut_short_meanwhile_ends(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(os.urandom(4 * PIECE))
    pieces = cold_pieces(str(path), PIECE)
    next(pieces)
    os.truncate(path, PIECE)
    assert list(pieces) == []


def test_a_reader_that_stops_leaves_no_descriptor(tmp_path):
    (tmp_path / "blob").write_bytes(os.urandom(4 * PIECE))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    pieces = cold_pieces(str(tmp_path / "blob"), PIECE)
    next(pieces)
    pieces.close()
    assert not before or len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def synced(tmp_path):
    """A descriptor of a file whose pages are clean, on a file system that tells what is cached."""
    path = tmp_path / "blob"
    path.write_bytes(os.urandom(SIZE))
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    _drop(descriptor, 0, 0)
    if any(cached(descriptor, SIZE, PIECE)) or not (
        os.pread(descriptor, 1, 0) and cached(descriptor, SIZE, PIECE)[0]
    ):
        os.close(descriptor)
        pytest.skip("this file system does not tell what is cached, or does not let go of it")
    _drop(descriptor, 0, 0)
    yield path, descriptor
    os.close(descriptor)


def test_what_was_not_cached_is_not_cached_afterwards(synced):
    path, descriptor = synced
    for _ in range(20):
        list(cold_pieces(str(path), PIECE))
        assert cached(descriptor, SIZE, PIECE) == [False] * 16


def test_what_was_cached_is_read_from_the_disk_and_cached_again(synced):
    path, descriptor = synced
    os.pread(descriptor, SIZE, 0)
    pieces = cold_pieces(str(path), PIECE)
    next(pieces)
    assert not cached(descriptor, SIZE, PIECE)[15]
    list(pieces)
    assert cached(descriptor, SIZE, PIECE) == [True] * 16
