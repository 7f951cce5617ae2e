"""index.db is lost, broken or behind: all that was acknowledged comes back, and nothing deleted does."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from index_maker import START_MS, HandOrigin, a_blob, a_ticket, opened, upload

from atoll.errors import NoSpace, TicketReplayed
from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder
from storage_node.index import Index
from storage_node.index_deletes import make_tombstone, removed
from storage_node.index_receipts import receipt
from storage_node.index_recovery import open_index
from storage_node.journal_upkeep import JournalUpkeep
from storage_node.store import BlobKey

ORIGIN = HandOrigin().origin
TRASH_SECONDS = 3600
Known = dict[str, list[tuple[object, ...]]]


@contextmanager
def recovered(path: Path, node: str = "node-1") -> Iterator[Index]:
    index = open_index(path, HandOrigin(node).origin)
    try:
        yield index
    finally:
        index.close()


def delete(index: Index, record: AssetRecord, seconds: int = TRASH_SECONDS) -> None:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, seconds)
    index.write(make_tombstone(order, ORIGIN)).result(20)


def take_out_of_service(index: Index, record: AssetRecord) -> None:
    key = BlobKey(record.bucket, record.blob.sha256, record.blob.ext)
    index.write(removed(key, ORIGIN, erased=False)).result(20)


def everything(index: Index) -> Known:
    """What a rebuild must give back."""
    tables = {
        "records": "SELECT * FROM records",
        "tombstones": "SELECT * FROM tombstones",
        "trash": "SELECT * FROM trash",
        "receipts": "SELECT * FROM receipts",
        "tickets": "SELECT * FROM tickets",
    }
    return {
        name: sorted(index.read(lambda db, s=sql: db.execute(s).fetchall())) for name, sql in tables.items()
    }


def lose(path: Path) -> None:
    for file in path.glob("index.db*"):
        file.unlink()


def overwrite_all(path: Path) -> None:
    (path / "index.db").write_bytes(random.Random(1).randbytes(50_000))


def overwrite_a_page(path: Path) -> None:
    body = bytearray((path / "index.db").read_bytes())
    body[8192:16384] = random.Random(1).randbytes(8192)
    (path / "index.db").write_bytes(body)


def truncate(path: Path) -> None:
    with (path / "index.db").open("r+b") as file:
        file.truncate(8192)


def empty(path: Path) -> None:
    (path / "index.db").write_bytes(b"")


@pytest.fixture
def lived(tmp_path: Path) -> tuple[Path, Known]:
    """A node that took uploads and deletes; what it knew at the end."""
    with recovered(tmp_path) as index:
        records = [upload(index, ORIGIN, b"%d" % number) for number in range(8)]
        delete(index, records[0])
        take_out_of_service(index, records[0])
        again = upload(index, ORIGIN, b"0")  # the same bytes live again
        assert again.asset_id != records[0].asset_id
        known = everything(index)
    return tmp_path, known


@pytest.mark.parametrize("harm", [lose, overwrite_all, overwrite_a_page, truncate, empty])
def test_everything_comes_back_from_the_journal(
    lived: tuple[Path, Known], harm: Callable[[Path], None]
) -> None:
    path, known = lived
    harm(path)
    for _ in range(2):  # and once more, from the index that was made
        with recovered(path) as index:
            assert everything(index) == known
            assert index.unlinks(10) == []  # a file that is needed again is not on the list of deletes
    with recovered(path) as index:
        assert index.read(lambda db: db.execute("SELECT count(*) FROM unchecked").fetchone()) == (9,)


def test_what_is_broken_is_kept_under_another_name(lived: tuple[Path, Known]) -> None:
    path, _ = lived
    before = (path / "index.db").read_bytes()[:100] + b"garbage" * 5000
    (path / "index.db").write_bytes(before)
    with recovered(path):
        pass
    (kept,) = [file for file in path.glob("index.db.lost-*") if not file.name.endswith(("-wal", "-shm"))]
    assert kept.read_bytes() == before


def test_an_index_that_fell_behind_catches_up(tmp_path: Path) -> None:
    """The last commits vanish – a log that was removed, an older copy put back – and the journal has them."""
    with recovered(tmp_path) as index:
        first = upload(index, ORIGIN, b"one")
    shutil.copy(tmp_path / "index.db", tmp_path / "older")
    with recovered(tmp_path) as index:
        second = upload(index, ORIGIN, b"two")
        delete(index, first)
        known = everything(index)
    lose(tmp_path)
    (tmp_path / "older").rename(tmp_path / "index.db")
    with recovered(tmp_path) as index:
        now = everything(index)
        assert now["records"] == known["records"]
        assert now["tombstones"] == known["tombstones"]
        assert index.asset(second.asset_id).records == (second,)
        assert index.unlinks(10) != []  # and the delete is carried out


def test_an_older_copy_of_the_index_gets_back_what_came_after_it_also_when_the_journal_was_written_anew(
    tmp_path: Path,
) -> None:
    old = tmp_path / "old.db"
    (data := tmp_path / "data").mkdir()
    with recovered(data) as index:
        for number in range(100):
            first = upload(index, ORIGIN, b"early %d" % number)
        with closing(sqlite3.connect(data / "index.db")) as live, closing(sqlite3.connect(old)) as copy:
            live.backup(copy)  # while the node runs
        for number in range(100):
            upload(index, ORIGIN, b"late %d" % number)
        delete(index, first)
        assert index.journal is not None
        upkeep = JournalUpkeep(index, index.journal, None, floor=1)  # type: ignore[arg-type]  # no thread
        assert upkeep.compact_if_long()
        known = everything(index)
    lose(data)
    shutil.copy(old, data / "index.db")
    for _ in range(2):  # and once more, from the journal that was made
        with recovered(data) as index:
            now = everything(index)
            assert now["records"] == known["records"]
            assert now["tombstones"] == known["tombstones"]
        lose(data)


def test_a_journal_that_was_lost_is_made_anew_from_the_index(lived: tuple[Path, Known]) -> None:
    path, known = lived
    shutil.rmtree(path / "journal")
    with recovered(path) as index:
        assert everything(index) == known
    lose(path)
    with recovered(path) as index:
        assert everything(index) == known


def test_an_index_from_before_there_were_journals_begins_one(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        record = upload(index, ORIGIN, b"one")
    with recovered(tmp_path):
        pass
    lose(tmp_path)
    with recovered(tmp_path) as index:
        assert index.asset(record.asset_id).records == (record,)


def test_a_broken_index_without_a_journal_is_not_thrown_away(tmp_path: Path) -> None:
    overwrite_all(tmp_path)
    with pytest.raises(ValueError, match="no journal"), recovered(tmp_path):
        pass
    assert (tmp_path / "index.db").stat().st_size == 50_000


def test_another_node_s_journal_is_refused(lived: tuple[Path, Known]) -> None:
    path, _ = lived
    lose(path)
    with pytest.raises(ValueError, match="belongs to node"), recovered(path, "node-2"):
        pass


def test_compaction_loses_nothing_and_makes_it_shorter(tmp_path: Path) -> None:
    with recovered(tmp_path) as index:
        asset_id = a_ticket().asset_id
        assert index.journal is not None
        kept = upload(index, ORIGIN, b"kept")
        for number in range(40):
            gone = upload(index, ORIGIN, b"%d" % number, a_ticket(asset_id=asset_id))
        delete(index, gone, 0)
        for number in range(40):
            key = BlobKey("photos", a_blob(b"%d" % number).sha256, "jpg")
            index.write(removed(key, ORIGIN, erased=True)).result(20)
        upkeep = JournalUpkeep(index, index.journal, None, floor=1)  # type: ignore[arg-type]  # no thread
        index.write(index.journal.end_segment).result(20)  # zeros do not count
        before = index.journal.size
        assert upkeep.compact_if_long()
        assert index.journal.size < before
        later = upload(index, ORIGIN, b"later")
        known = everything(index)
    with recovered(tmp_path) as index:
        assert everything(index) == known
        assert index.journal is not None
        assert index.journal.replayed == 0
    lose(tmp_path)
    with recovered(tmp_path) as index:
        assert everything(index) == known
        assert index.asset(kept.asset_id).records == (kept,)
        assert index.asset(later.asset_id).records == (later,)
        assert index.asset(asset_id).records == ()


def test_a_journal_is_compacted_only_where_it_fits_beside_itself(tmp_path: Path) -> None:
    with recovered(tmp_path) as index:
        upload(index, ORIGIN, b"one")
        assert index.journal is not None
        asked, room = list[int](), [False, False, True]

        def has_room(size: int) -> bool:
            asked.append(size)
            return room[len(asked) - 1]

        upkeep = JournalUpkeep(index, index.journal, None, 1, has_room)  # type: ignore[arg-type]  # no thread
        files, size = sorted((tmp_path / "journal").iterdir()), index.journal.size
        assert [upkeep.compact_if_long(), upkeep.compact_if_long()] == [False, False]
        assert sorted((tmp_path / "journal").iterdir()) == files
        assert upkeep.compact_if_long()
        assert sorted((tmp_path / "journal").iterdir()) != files
        assert asked == [size] * 3


def test_a_refused_operation_leaves_no_line_and_a_failed_commit_none_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recovered(tmp_path) as index:
        ticket = a_ticket()
        record = upload(index, ORIGIN, b"one", ticket)
        with pytest.raises(TicketReplayed):
            upload(index, ORIGIN, b"two", ticket)
        with monkeypatch.context() as patch:
            patch.setattr("storage_node.index_journal.note_position", _full)
            with pytest.raises(NoSpace):
                upload(index, ORIGIN, b"three")
    lose(tmp_path)
    with recovered(tmp_path) as index:
        rows = index.read(lambda db: db.execute("SELECT asset_id FROM records").fetchall())
        assert rows == [(record.asset_id,)]


def _full(*_: object) -> None:
    raise NoSpace("full")


def test_receipts_come_back_with_their_times(lived: tuple[Path, Known]) -> None:
    path, _ = lived
    lose(path)
    with recovered(path) as index:
        (asset_id,) = index.read(lambda db: db.execute("SELECT asset_id FROM tombstones").fetchone())
        found = index.read(lambda db: receipt(db, asset_id, "n", "eu", ORIGIN.now_ms()))
        assert found.applied_at == START_MS
        assert [r.removed_at for r in found.removed] == [START_MS]


def test_a_commit_that_reached_the_journal_and_not_the_index_is_taken_up(tmp_path: Path) -> None:
    """Power fails after the journal's fsync and before SQLite's: the line is the truth."""
    with recovered(tmp_path) as index:
        upload(index, ORIGIN, b"one")
        for file in tmp_path.glob("index.db*"):
            shutil.copy(file, tmp_path / f"old-{file.name}")
        record = upload(index, ORIGIN, b"two")
    lose(tmp_path)
    for file in tmp_path.glob("old-index.db*"):
        file.rename(tmp_path / file.name.removeprefix("old-"))
    with recovered(tmp_path) as index:
        assert index.asset(record.asset_id).records == (record,)
    assert sqlite3.connect(tmp_path / "index.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
