"""Edits of assets in index.db: rollback, copy, rename, one version deleted; and their replicas."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest
from index_maker import START_MS, HandOrigin, a_blob, a_ticket, opened, upload

from atoll.asset_edits import Copy, Edit, EditResult, ForgetVersion, Rename, Rollback, Target
from atoll.errors import AlreadyExists, Conflict, NotFound, Unavailable
from atoll.events import AssetDeleted, BlobStored, Event
from atoll.ids import named_asset_id, version_id
from atoll.model import AssetRecord
from atoll.node_api import DeleteOrder
from atoll.repair_api import RestoreOrder
from storage_node.asset_edits import operation_of
from storage_node.edit_rows import versions_of
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone, make_tombstone
from storage_node.index_naming import VersionPolicy, without_older
from storage_node.index_ops import add_record, store_replica, store_upload
from storage_node.index_repairs import quarantined
from storage_node.index_trash import restorable

CAT, DOG = named_asset_id("photos", "cat"), named_asset_id("photos", "dog")
TO_DOG = Target(DOG, "dog")


def shot(index: Index, origin: HandOrigin, body: bytes, name: str = "cat") -> AssetRecord:
    origin.now += 1000
    ticket = a_ticket(asset_id=named_asset_id("photos", name), public_id=name)
    return upload(index, origin.origin, body, ticket)


def edit(index: Index, origin: HandOrigin, order: Edit) -> EditResult:
    origin.now += 1000
    return index.write(operation_of(order, origin.origin)).result(20)


def events_of(index: Index) -> list[Event]:
    return [msgspec.json.decode(row.body, type=Event) for row in index.outbox(1000)]  # type: ignore[arg-type]


def history(index: Index, asset_id: str) -> list[str]:
    return [record.blob.sha256 for record in index.read(lambda db: versions_of(db, asset_id))]


def test_a_rollback_is_a_version_of_its_own_with_the_bytes_and_tags_of_the_older_one(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = shot(index, origin, b"one"), shot(index, origin, b"two")
        result = edit(index, origin, Rollback(asset_id=CAT, set="s1", version=first.version))
        (record,) = result.records
        assert record.version > second.version
        assert record.content_version == record.version
        assert record.blob == first.blob
        assert index.asset(CAT).records == (record, second, first)
        told = events_of(index)[-1]
        assert isinstance(told, BlobStored)
        assert told.asset == record


def test_a_rollback_that_is_repeated_gives_what_the_first_one_made(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = shot(index, origin, b"one"), shot(index, origin, b"two")
        order = Rollback(asset_id=CAT, set="s1", version=first.version, seen=second.version)
        (made,) = edit(index, origin, order).records
        assert edit(index, origin, order).records == (made,)
        assert index.asset(CAT).records == (made, second, first)
        (again,) = edit(index, origin, Rollback(asset_id=CAT, set="s1", version=second.version)).records
        assert again.version > made.version, "going back and forth is no repetition"


def test_an_asset_with_too_many_versions_is_not_renamed_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage_node.edit_copy.MAX_MOVED", 3)
    origin = HandOrigin()
    with opened(tmp_path) as index:
        for number in range(4):
            shot(index, origin, b"%d" % number)
        before = index.asset(CAT)
        with pytest.raises(Conflict) as refused:
            edit(index, origin, Rename(asset_id=CAT, set="s1", to=TO_DOG))
        assert (refused.value.facts["limit"], refused.value.facts["got"]) == (3, 4)
        assert (index.asset(CAT), index.asset(TO_DOG.asset_id).records) == (before, ())
        edit(index, origin, ForgetVersion(asset_id=CAT, set="s1", version=before.records[-1].version))
        assert len(edit(index, origin, Rename(asset_id=CAT, set="s1", to=TO_DOG)).records) == 3


def test_what_an_edit_makes_is_newer_than_what_whoever_ordered_it_has_seen(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        ahead = "0" + "z" * 25
        order = Rollback(asset_id=CAT, set="s1", version=first.version, seen="01zzzzzzzz" + "0" * 16)
        (record,) = edit(index, origin, order).records
        assert order.seen is not None
        assert order.seen < record.version < ahead


def test_an_edit_is_refused_by_a_node_that_lacks_the_bytes_or_the_version(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        with pytest.raises(NotFound):
            edit(index, origin, Rollback(asset_id=CAT, set="s1", version=version_id(CAT, "none")))
        held = index.blob("photos", first.blob.sha256)
        assert held is not None
        index.write(quarantined(held, "aside", "a test", origin.origin)).result(20)
        before = index.asset(CAT)
        with pytest.raises(Unavailable):
            edit(index, origin, Rollback(asset_id=CAT, set="s1", version=first.version))
        assert index.asset(CAT) == before


def test_a_copy_has_the_same_bytes_under_another_name_and_takes_no_room(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        shot(index, origin, b"two")
        size = index.counts().bytes
        (record,) = edit(
            index, origin, Copy(asset_id=CAT, set="s1", to=TO_DOG, version=first.version)
        ).records
        assert (record.asset_id, record.public_id, record.blob) == (DOG, "dog", first.blob)
        assert index.counts().bytes == size
        with pytest.raises(AlreadyExists):
            edit(index, origin, Copy(asset_id=CAT, set="s1", to=TO_DOG))
        over = Copy(asset_id=CAT, set="s1", to=TO_DOG, overwrite=True)
        assert edit(index, origin, over).records[0].version > record.version
        assert len(history(index, DOG)) == 2


def test_a_rename_moves_all_versions_in_their_order_and_no_byte(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = shot(index, origin, b"one"), shot(index, origin, b"two")
        result = edit(index, origin, Rename(asset_id=CAT, set="s1", to=TO_DOG))
        assert [r.blob for r in result.records] == [first.blob, second.blob]
        assert [r.created_at for r in result.records] == [first.created_at, second.created_at]
        assert history(index, DOG) == [second.blob.sha256, first.blob.sha256]
        assert index.asset(CAT).records == ()
        assert index.unlinks(10) == []
        assert index.counts().blobs == 2
        stored, again, gone = events_of(index)[-3:]
        assert isinstance(stored, BlobStored)
        assert isinstance(again, BlobStored)
        assert isinstance(gone, AssetDeleted)
        assert gone.tombstone.moved_to == DOG


def test_a_rename_that_is_repeated_answers_as_it_did_and_makes_nothing(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        shot(index, origin, b"one")
        order = Rename(asset_id=CAT, set="s1", to=TO_DOG)
        done = edit(index, origin, order)
        told = len(events_of(index))
        assert edit(index, origin, order) == done
        assert len(events_of(index)) == told


def test_a_version_that_came_elsewhere_under_the_old_name_survives_the_rename(tmp_path: Path) -> None:
    here, there = HandOrigin(), HandOrigin("node-2")
    with opened(tmp_path) as index:
        shot(index, here, b"one")
        there.now = here.now + 5000
        other = tmp_path / "other"
        other.mkdir()
        with opened(other, "node-2") as elsewhere:
            late = shot(elsewhere, there, b"late")
        here.now += 60_000
        result = edit(index, here, Rename(asset_id=CAT, set="s1", to=TO_DOG))
        assert index.write(store_replica(late, b"", here.origin)).result(20)
        assert index.asset(CAT).records == (late,)
        assert result.tombstones[0].version < late.version


def test_a_rename_to_a_name_that_was_deleted_before_brings_it_back(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        dog = shot(index, origin, b"dog", "dog")
        order = DeleteOrder(DOG, "photos", "dog", "s1")
        stone = index.write(make_tombstone(order, origin.origin)).result(20)
        shot(index, origin, b"one")
        (record,) = edit(index, origin, Rename(asset_id=CAT, set="s1", to=TO_DOG)).records
        assert record.version > stone.version > dog.version


def test_a_deleted_version_takes_its_bytes_and_the_one_before_is_current(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = shot(index, origin, b"one"), shot(index, origin, b"two")
        (stone,) = edit(
            index, origin, ForgetVersion(asset_id=CAT, set="s1", version=second.version)
        ).tombstones
        assert stone.asset_id == version_id(CAT, second.version)
        assert index.asset(CAT).records == (first,)
        assert index.blob("photos", second.blob.sha256) is None
        assert [key.sha256 for key in index.unlinks(10)] == [second.blob.sha256]
        third = shot(index, origin, b"three")
        assert third.version > second.version


def test_two_regions_that_delete_the_same_version_make_the_same_tombstone(tmp_path: Path) -> None:
    one, two = HandOrigin(), HandOrigin("node-2")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with opened(tmp_path / "a") as left, opened(tmp_path / "b", "node-2") as right:
        record = shot(left, one, b"one")
        right.write(store_replica(record, b"", two.origin)).result(20)
        order = ForgetVersion(asset_id=CAT, set="s1", version=record.version)
        mine, theirs = (edit(i, o, order).tombstones[0] for i, o in ((left, one), (right, two)))
        assert (mine.asset_id, mine.version) == (theirs.asset_id, theirs.version)
        assert not right.write(apply_tombstone(mine, two.origin)).result(20)


def test_a_version_deleted_elsewhere_never_comes_back(tmp_path: Path) -> None:
    origin, far = HandOrigin(), HandOrigin("node-2")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with opened(tmp_path / "a") as left, opened(tmp_path / "b", "node-2") as right:
        record = shot(left, origin, b"one")
        (stone,) = edit(
            left, origin, ForgetVersion(asset_id=CAT, set="s1", version=record.version)
        ).tombstones
        assert right.write(apply_tombstone(stone, far.origin)).result(20)
        assert not right.write(store_replica(record, b"", far.origin)).result(20)
        described = msgspec.structs.replace(record, version=stone.version[:-1] + "z", content=record.version)
        assert not right.write(store_replica(described, b"", far.origin)).result(20)
        assert right.counts().blobs == 0


def test_bytes_stay_on_a_replica_that_hears_of_the_rename_s_tombstone_first(tmp_path: Path) -> None:
    origin, far = HandOrigin(), HandOrigin("node-2")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with opened(tmp_path / "a") as left, opened(tmp_path / "b", "node-2") as right:
        record = shot(left, origin, b"one")
        right.write(store_replica(record, b"", far.origin)).result(20)
        far.now = origin.now
        result = edit(left, origin, Rename(asset_id=CAT, set="s1", to=TO_DOG))
        patient = dataclasses.replace(far.origin, moved_seconds=900)  # the setting of this name
        right.write(apply_tombstone(result.tombstones[0], patient)).result(20)
        rows = right.read(lambda db: db.execute("SELECT purge_at FROM trash").fetchall())
        assert rows == [(far.now + 900_000,)]
        (left_rows,) = left.read(lambda db: db.execute("SELECT max(purge_at) FROM trash").fetchone())
        assert left_rows == 0


def test_an_asset_that_is_restored_does_not_bring_back_a_version_deleted_by_itself(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = shot(index, origin, b"one"), shot(index, origin, b"two")
        edit(index, origin, ForgetVersion(asset_id=CAT, set="s1", version=second.version))
        order = DeleteOrder(CAT, "photos", "cat", "s1", trash_seconds=3600)
        index.write(make_tombstone(order, origin.origin)).result(20)
        found = index.read(lambda db: restorable(db, RestoreOrder(CAT, "photos", "cat", "s1"), START_MS))
        assert found == first


def test_a_record_of_a_blob_that_is_held_is_refused_when_its_version_is_deleted(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = shot(index, origin, b"one")
        shot(index, origin, b"one", "other")
        edit(index, origin, ForgetVersion(asset_id=CAT, set="s1", version=record.version))
        assert not index.write(add_record(record, origin.origin)).result(20)
        assert index.blob("photos", record.blob.sha256) is not None


def test_an_upload_that_may_not_overwrite_is_refused_where_the_name_is_taken(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        shot(index, origin, b"one")
        ticket = a_ticket(asset_id=CAT, public_id="cat", overwrite=False)
        with pytest.raises(AlreadyExists):
            upload(index, origin.origin, b"two", ticket)
        assert history(index, CAT) == [a_blob(b"one").sha256]
        index.write(make_tombstone(DeleteOrder(CAT, "photos", "cat", "s1"), origin.origin)).result(20)
        first = upload(index, origin.origin, b"two", ticket)
        assert upload(index, origin.origin, b"two", ticket) == first  # its own repetition is none


def test_a_bucket_without_versions_keeps_the_newest_alone_and_the_older_one_in_the_trash(
    tmp_path: Path,
) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first = shot(index, origin, b"one")
        origin.now += 1000
        ticket = a_ticket(asset_id=CAT, public_id="cat")
        operation = store_upload(
            ticket, 0, CAT, a_blob(b"two"), b"", None, origin.origin, VersionPolicy(False, 3600)
        )
        second = index.write(operation).result(20)
        assert index.asset(CAT).records == (second,)
        told = events_of(index)[-1]
        assert isinstance(told, AssetDeleted)
        assert told.tombstone.version == first.version
        (kept,) = index.read(lambda db: db.execute("SELECT purge_at FROM trash").fetchone())
        assert kept >= origin.now + 3_600_000


def test_a_copy_over_a_name_in_a_bucket_without_versions_leaves_the_copy_alone(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        shot(index, origin, b"one")
        shot(index, origin, b"dog", "dog")
        order = Copy(asset_id=CAT, set="s1", to=TO_DOG, overwrite=True)
        origin.now += 1000
        work = without_older(operation_of(order, origin.origin), origin.origin, 0)
        result = index.write(work).result(20)
        assert index.asset(DOG).records == result.records
        assert len(result.tombstones) == 1
        assert history(index, CAT) == [a_blob(b"one").sha256]
