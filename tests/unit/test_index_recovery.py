"""Which index.db is set aside, and which is not: what was acknowledged is there again either way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from index_maker import HandOrigin, upload

from atoll.errors import Failed
from storage_node.index_check import IndexCheck
from storage_node.index_recovery import flaw_of, open_index
from storage_node.store import StoreFailed


@pytest.fixture
def origin():
    return HandOrigin().origin


def with_one_upload(directory: Path, origin):
    index = open_index(directory, origin)
    try:
        return upload(index, origin, b"one")
    finally:
        index.close()


def records(directory: Path, origin, asset_id: str):
    index = open_index(directory, origin)
    try:
        return index.asset(asset_id).records
    finally:
        index.close()


def lost(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("index.db.lost-*"))


@pytest.mark.parametrize("how", ["gone", "no database", "emptied", "torn", "no text in its schema"])
def test_a_lost_index_is_made_anew_and_what_is_left_of_it_is_kept(tmp_path, origin, how):
    record = with_one_upload(tmp_path, origin)
    path = tmp_path / "index.db"
    body = path.read_bytes()
    match how:
        case "gone":
            path.unlink()
        case "no database":
            path.write_bytes(b"not a database" * 1000)
        case "emptied":
            path.write_bytes(b"")
        case "torn":
            path.write_bytes(body[:5000] + bytes(len(body) - 5000))
        case "no text in its schema":
            path.write_bytes(
                body.replace(b"bucket TEXT NOT NULL, sha256 BLOB", b"bucket TEXT NOT NULL\x80 sha256 BLOB")
            )
    assert records(tmp_path, origin, record.asset_id) == (record,)
    assert bool(lost(tmp_path)) == (how != "gone")


def test_a_sound_index_that_the_disk_does_not_give_now_is_not_condemned(tmp_path, origin):
    """A directory in its place stands for a disk that does not let it be opened."""
    record = with_one_upload(tmp_path, origin)
    sound = tmp_path / "index.db"
    sound.rename(tmp_path / "elsewhere")
    sound.mkdir()
    with pytest.raises(StoreFailed):
        open_index(tmp_path, origin)
    assert lost(tmp_path) == []
    sound.rmdir()
    (tmp_path / "elsewhere").rename(sound)
    assert flaw_of(sound) is None
    assert records(tmp_path, origin, record.asset_id) == (record,)


def test_a_broken_index_without_a_journal_is_left_for_people_to_look_at(tmp_path, origin):
    (tmp_path / "index.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(ValueError, match="no journal"):
        open_index(tmp_path, origin)
    assert lost(tmp_path) == []


def test_a_large_index_is_only_glanced_at_and_read_through_later(tmp_path, origin):
    with_one_upload(tmp_path, origin)
    path = tmp_path / "index.db"
    body = bytearray(path.read_bytes())
    last = len(body) - 4096
    body[last : last + 100] = os.urandom(100)
    path.write_bytes(body)
    open_index(tmp_path, origin, whole_bytes=0).close()
    assert lost(tmp_path) == []
    with pytest.raises(Failed, match="made anew at the next start"):
        asyncio.run(IndexCheck(path, 0, rest=0).run())


def test_what_was_found_broken_in_use_is_made_anew_at_the_next_start(tmp_path, origin):
    record = with_one_upload(tmp_path, origin)
    path = tmp_path / "index.db"
    with pytest.raises(Failed):
        asyncio.run(IndexCheck(path, 0, 0, lambda _: "is corrupted").run())
    path.write_bytes(path.read_bytes()[:5000] + bytes(5000))
    index = open_index(tmp_path, origin, whole_bytes=0)
    assert index.asset(record.asset_id).records == (record,)
    index.close()
    assert len(lost(tmp_path)) == 1
    assert not list(tmp_path.glob("*.broken"))


def test_a_small_index_is_not_read_twice(tmp_path, origin):
    with_one_upload(tmp_path, origin)
    path = tmp_path / "index.db"
    asyncio.run(IndexCheck(path, path.stat().st_size, 0, lambda _: "is corrupted").run())
    assert not list(tmp_path.glob("*.broken"))


@pytest.mark.parametrize("how", ["truncated", "no database", "cannot be opened"])
def test_a_glance_is_enough_for_what_is_no_whole_database(tmp_path, origin, how):
    record = with_one_upload(tmp_path, origin)
    path = tmp_path / "index.db"
    body = path.read_bytes()
    match how:
        case "truncated":
            path.write_bytes(body[: len(body) // 2])
        case "no database":
            path.write_bytes(b"not a database" * 1000)
        case "cannot be opened":
            path.write_bytes(body[:100] + bytes(len(body) - 100))
    index = open_index(tmp_path, origin, whole_bytes=0)
    assert index.asset(record.asset_id).records == (record,)
    index.close()
    assert lost(tmp_path)
