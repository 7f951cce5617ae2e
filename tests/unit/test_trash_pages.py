"""The trash, page by page: what a node tells of it, and how the pages of several nodes become one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from index_maker import START_MS, HandOrigin, a_blob, a_ticket, opened, upload

from atoll.errors import BadRequest
from atoll.ids import new_id
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import DeleteOrder
from atoll.repair_api import RestoreOrder
from atoll.trash_api import Trashed, TrashOrder, TrashPage, place_of
from query_service.search_cursor import read_cursor, write_cursor
from query_service.trash import merged
from storage_node import index_trash_pages
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone, make_tombstone
from storage_node.index_trash import restored
from storage_node.index_trash_pages import trash_page

DAY = 86_400


def delete(index: Index, origin: HandOrigin, record: AssetRecord, seconds: int = DAY) -> Tombstone:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, seconds)
    return index.write(make_tombstone(order, origin.origin)).result(20)


def page(
    index: Index, origin: HandOrigin, after: str | None = None, limit: int = 500, prefix: str = ""
) -> TrashPage:
    order = TrashOrder("photos", prefix, after, limit)
    return index.read(lambda db: trash_page(db, order, "node-1", origin.now))


def ids(told: TrashPage) -> list[str]:
    return [asset.record.asset_id for asset in told.assets]


def test_what_was_deleted_last_comes_first_and_pages_go_on_where_one_ended(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        records = [upload(index, origin.origin, b"%d" % n) for n in range(5)]
        for record in records[:4]:
            origin.now += 1000
            delete(index, origin, record)
        wanted = [record.asset_id for record in reversed(records[:4])]
        first = page(index, origin, limit=3)
        assert ids(first) == wanted[:3]
        assert first.assets[0].deleted_at == origin.now
        second = page(index, origin, after=first.reached, limit=3)
        assert (ids(second), second.reached) == (wanted[3:], None)


def test_only_what_a_restore_would_bring_back_is_told(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        twice = a_ticket()
        upload(index, origin.origin, b"old", twice)
        newest = upload(index, origin.origin, b"new", a_ticket(asset_id=twice.asset_id))
        erased, due, back, moved = (upload(index, origin.origin, body) for body in (b"1", b"2", b"3", b"4"))
        delete(index, origin, newest)
        delete(index, origin, erased, seconds=0)
        delete(index, origin, due, seconds=1)
        delete(index, origin, back)
        order = RestoreOrder(back.asset_id, "photos", "b", "s1")
        index.write(restored(back, order, b"", origin.origin)).result(20)
        stone = Tombstone(
            moved.asset_id,
            "photos",
            "m",
            "s1",
            new_id(origin.now),
            origin.now,
            0,
            moved_to=new_id(origin.now),
        )
        index.write(apply_tombstone(stone, origin.origin)).result(20)
        origin.now += 5000
        (found,) = page(index, origin).assets
        assert found.record == newest


def test_a_prefix_that_fits_little_is_looked_for_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_trash_pages, "LOOKED", 2)
    origin = HandOrigin()
    with opened(tmp_path) as index:
        for n in range(5):
            origin.now += 1000
            delete(index, origin, upload(index, origin.origin, b"%d" % n, a_ticket(public_id=f"f{n % 4}/x")))
        first = page(index, origin, prefix="f1/")
        assert (ids(first), first.reached is None) == ([], False)
        second = page(index, origin, after=first.reached, prefix="f1/")
        assert [asset.record.public_id for asset in second.assets] == ["f1/x"]


def test_pages_come_from_an_index_and_sort_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        plan = index.read(
            lambda db: db.execute(
                "EXPLAIN QUERY PLAN SELECT DISTINCT purge_at, asset_id FROM trash WHERE bucket = 'b'"
                " AND purge_at > 1 AND (purge_at, asset_id) < (9, 'a')"
                " ORDER BY purge_at DESC, asset_id DESC LIMIT 2"
            ).fetchall()
        )
    told = " ".join(row[-1] for row in plan)
    assert "trash_by_bucket" in told
    assert "TEMP B-TREE" not in told


def trashed(name: str, purge_at: int, deleted_at: int = START_MS) -> Trashed:
    record = AssetRecord(name.ljust(26, "0"), name, new_id(START_MS), "s1", a_blob(name.encode()), START_MS)
    return Trashed(record, deleted_at, purge_at)


def told(node: str, *assets: Trashed, reached: str | None = None) -> TrashPage:
    return TrashPage(node, assets, reached)


def test_pages_of_nodes_are_one_with_each_asset_once() -> None:
    a, b, c = trashed("a", 30), trashed("b", 20), trashed("c", 10)
    found, after = merged([told("n1", a, c), told("n2", a, b, c)], 10)
    assert (found, after) == ((a, b, c), None)
    assert merged([told("n1", a, c), told("n2", a, b, c)], 2) == ((a, b), b.place)


def test_nothing_behind_the_place_where_some_node_stopped_is_told_before_that_node_was_asked_again() -> None:
    a, b, c = trashed("a", 30), trashed("b", 20), trashed("c", 10)
    found, after = merged([told("n1", a, reached=place_of(25, "x" * 26)), told("n2", a, b, c)], 10)
    assert (found, after) == ((a,), place_of(25, "x" * 26))


def test_the_later_delete_of_an_asset_counts() -> None:
    early, late = trashed("a", 30, START_MS), trashed("a", 20, START_MS + 1)
    assert merged([told("n1", early), told("n2", late)], 10) == ((late,), None)


def test_a_cursor_of_the_trash_is_no_cursor_of_a_listing() -> None:
    cursor = write_cursor(trashed("a", 30).place, "-erased_at")
    assert read_cursor(cursor, "-erased_at") == trashed("a", 30).place
    with pytest.raises(BadRequest):
        read_cursor(cursor, "-created_at")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"bucket": "photos", "after": "x' OR 1"}, TrashOrder)
