"""index.db as a file: made at once or not at all, brought up to date, and clear about what cannot be used."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from index_maker import START_MS, HandOrigin, opened, upload

from atoll.model import AssetRecord, Face, Picture
from storage_node.index import Index
from storage_node.index_looks import looks_of, picture_of
from storage_node.index_ops import published
from storage_node.index_repairs import quarantined
from storage_node.index_schema import SCHEMA_VERSION, connect
from storage_node.scrub_rows import Place, longest_unread
from storage_node.store import StoreFailed

LOOKS = Picture(
    4, 3, 1, "YJqGPQw7sFlslqhFafSE+Q6oJ1h2iHB2Rw==", "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "#1f2a3b", ()
)


def change(path: Path, statements: str) -> None:
    connection = connect(path / "index.db")
    connection.executescript(statements)
    connection.close()


def made_old(path: Path) -> None:
    """Take away what schemas 2 to 5 added."""
    change(
        path,
        """
        DROP INDEX blobs_by_name; DROP INDEX records_by_leaf; DROP INDEX tombstones_by_leaf;
        DROP TRIGGER bytes_came_again; DELETE FROM meta WHERE key = 'stale_leaves_kept';
        DROP TABLE stale_leaves; DROP TABLE leaves; DROP TABLE branches;
        DROP TABLE unchecked; DROP TABLE trash; DROP TABLE receipts;
        ALTER TABLE records DROP COLUMN leaf; ALTER TABLE tombstones DROP COLUMN leaf;
        ALTER TABLE tombstones DROP COLUMN applied_at;
        DROP INDEX tombstones_of; ALTER TABLE tombstones DROP COLUMN of_asset;
        DROP TRIGGER event_added; DROP TRIGGER event_gone; ALTER TABLE counters DROP COLUMN outbox;
        ALTER TABLE quarantined DROP COLUMN ext; ALTER TABLE quarantined DROP COLUMN size;
        ALTER TABLE quarantined DROP COLUMN chunk_digests;
        ALTER TABLE blobs DROP COLUMN looks; PRAGMA user_version = 1;
        """,
    )


def test_a_file_of_the_first_schema_is_brought_up_and_loses_nothing(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        bad, good = upload(index, origin, b"bad"), upload(index, origin, b"good")
        held = index.blob(bad.bucket, bad.blob.sha256)
        assert held is not None
        name = f"{bad.bucket}.{bad.blob.sha256}.{bad.blob.ext}"
        index.write(quarantined(held, name, "a flipped bit", origin)).result(20)
        before = index.counts()
    made_old(tmp_path)
    for _ in range(2):  # and a second start finds nothing to do
        with opened(tmp_path) as index:
            assert index.counts() == before
            assert index.asset(good.asset_id).records == (good,)
    with opened(tmp_path) as index:
        index.write(published([row.seq for row in index.outbox(100)])).result(20)
        assert index.counts().outbox == 0
    (ext,) = sqlite3.connect(tmp_path / "index.db").execute("SELECT ext FROM quarantined").fetchone()
    assert ext == bad.blob.ext


def test_blobs_from_before_there_were_looks_stay_and_take_theirs_when_they_come_again(tmp_path: Path) -> None:
    origin = HandOrigin().origin
    with opened(tmp_path) as index:
        old = upload(index, origin, b"old")
    change(
        tmp_path,
        "ALTER TABLE blobs DROP COLUMN looks; DROP INDEX tombstones_of;"
        " ALTER TABLE tombstones DROP COLUMN of_asset; PRAGMA user_version = 3;",
    )
    with opened(tmp_path) as index:
        assert picture_in(index, old) == Picture(4, 3)
        new = upload(index, origin, b"new", looks=LOOKS)
        assert picture_in(index, new) == new.blob.picture
        again = upload(index, origin, b"old", looks=LOOKS)
        assert picture_in(index, old) == again.blob.picture
        upload(index, origin, b"old")
        assert picture_in(index, old) == again.blob.picture  # who knows less takes nothing away
        scrubbed = index.read(longest_unread(Place(), 2 * START_MS, 2 * START_MS, 10))
        assert {held.blob.picture for held in scrubbed} == {LOOKS}


def picture_in(index: Index, record: AssetRecord) -> Picture:
    held = index.blob(record.bucket, record.blob.sha256)
    assert held is not None
    return held.blob.picture


@pytest.mark.parametrize("faces", [None, (), (Face(0.1, 0.2, 0.3, 0.4), Face(0, 0, 1, 1))])
def test_what_is_known_of_a_picture_comes_back_from_its_column(faces: tuple[Face, ...] | None) -> None:
    picture = Picture(
        40, 30, 2, "1QcSHQRnh493V4dIh4eXh1h4kJUI", "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "#1f2a3b", faces
    )
    assert picture_of(40, 30, 2, looks_of(picture)) == picture
    assert picture_of(7, 8, 1, looks_of(Picture(7, 8))) == Picture(7, 8)


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    change(tmp_path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(ValueError, match=f"schema {SCHEMA_VERSION + 1}"):
        Index(tmp_path / "index.db", "node-1")


def test_a_crash_before_the_owner_was_noted_is_taken_up(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    change(tmp_path, "DELETE FROM meta")
    with opened(tmp_path), pytest.raises(ValueError, match="node-1"):
        Index(tmp_path / "index.db", "node-2")


def test_what_is_no_index_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(StoreFailed, match="index"):
        Index(tmp_path / "index.db", "node-1")


def test_what_sqlite_raises_while_reading_is_an_error_of_ours(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        change(tmp_path, "ALTER TABLE outbox RENAME TO elsewhere; ALTER TABLE blobs RENAME TO nowhere")
        with pytest.raises(StoreFailed):
            index.outbox(10)
        with pytest.raises(StoreFailed):
            index.blob("photos", "00" * 32)
        assert index.wanted(0, 10) == []  # the connection lives on


def test_the_outbox_is_counted_as_events_come_and_go(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        assert (index.counts().outbox, index.counts().oldest_outbox_at) == (0, 0)
        for number in range(5):
            origin.now += 1000
            upload(index, origin.origin, bytes([number]))
        rows = index.outbox(10)
        assert (index.counts().outbox, index.counts().oldest_outbox_at) == (5, rows[0].at)
        index.write(published([row.seq for row in rows[:2]])).result(20)
        assert (index.counts().outbox, index.counts().oldest_outbox_at) == (3, rows[2].at)
