"""Tombstones: what they take along, what they leave, and that nothing deleted comes back."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import msgspec
import pytest
from index_maker import START_MS, HandOrigin, a_blob, a_ticket, opened, upload
from memory_store import MemoryStore

from atoll.ids import new_id
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import DeleteOrder
from storage_node.blob_locks import BlobLocks
from storage_node.index import Index
from storage_node.index_deletes import apply_tombstone, make_tombstone, removed
from storage_node.index_ops import add_record, store_replica, want
from storage_node.store import BlobKey


def delete(index: Index, origin: HandOrigin, record: AssetRecord) -> Tombstone:
    order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set)
    return index.write(make_tombstone(order, origin.origin)).result(20)


def key_of(record: AssetRecord) -> BlobKey:
    return BlobKey(record.bucket, record.blob.sha256, record.blob.ext)


def test_a_delete_takes_record_and_blob_and_lists_the_file(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        stone = delete(index, origin, record)
        assert stone.version > record.version
        assert index.asset(record.asset_id).records == ()
        assert index.asset(record.asset_id).tombstone == stone
        assert index.blob("photos", record.blob.sha256) is None
        assert index.unlinks(10) == [key_of(record)]
        index.write(removed(key_of(record), origin.origin, erased=True)).result(20)
        assert index.unlinks(10) == []
        subjects = [row.subject.split(".", 2)[2] for row in index.outbox(10)]
        assert subjects == ["blob.stored.s1", "asset.deleted.s1", "blob.deleted.s1"]


def test_a_delete_that_repeats_gives_the_same_tombstone_and_no_second_event(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        first = delete(index, origin, record)
        origin.now += 1000
        assert delete(index, origin, record) == first
        assert len(index.outbox(10)) == 2


def test_an_asset_never_seen_here_can_be_deleted_before_it_comes(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path / "") as index:
        record = AssetRecord(new_id(START_MS), "later", new_id(START_MS - 1), "s1", a_blob(b"one"), START_MS)
        delete(index, origin, record)
        assert not index.write(store_replica(record, b"", origin.origin)).result(20)
        assert index.blob("photos", record.blob.sha256) is None
        assert index.counts().blobs == 0


def test_a_blob_goes_only_with_its_last_record(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        first, second = upload(index, origin.origin, b"one"), upload(index, origin.origin, b"one")
        delete(index, origin, first)
        assert index.blob("photos", first.blob.sha256) is not None
        assert index.unlinks(10) == []
        delete(index, origin, second)
        assert index.blob("photos", first.blob.sha256) is None
        assert index.unlinks(10) == [key_of(first)]


def test_all_versions_go_and_their_different_blobs_too(tmp_path: Path) -> None:
    origin, asset_id = HandOrigin(), a_ticket().asset_id
    with opened(tmp_path) as index:
        records = [
            upload(index, origin.origin, body, a_ticket(asset_id=asset_id)) for body in (b"one", b"two")
        ]
        delete(index, origin, records[0])
        assert set(index.unlinks(10)) == {key_of(record) for record in records}
        assert index.counts().blobs == 0


def test_the_same_bytes_in_another_bucket_are_not_touched(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        elsewhere = msgspec.structs.replace(record, asset_id="9" * 26, blob=a_blob(b"one", "others"))
        assert index.write(store_replica(elsewhere, b"", origin.origin)).result(20)
        delete(index, origin, record)
        assert index.blob("others", record.blob.sha256) is not None


def test_the_same_bytes_uploaded_again_live_again(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        delete(index, origin, record)
        again = upload(index, origin.origin, b"one", a_ticket(asset_id=record.asset_id))
        assert again.version > record.version
        assert index.unlinks(10) == []
        assert index.asset(record.asset_id).records == (again,)


def test_old_versions_never_come_back_and_newer_ones_may(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        old = upload(index, origin.origin, b"one")
        stone = delete(index, origin, old)
        newer = msgspec.structs.replace(old, version=new_id(origin.now + 60_000), blob=a_blob(b"two"))
        assert not index.write(store_replica(old, b"", origin.origin)).result(20)
        assert index.write(store_replica(newer, b"", origin.origin)).result(20)
        assert not index.write(apply_tombstone(stone, origin.origin)).result(20)
        assert index.asset(old.asset_id).records == (newer,)


def test_a_tombstone_from_elsewhere_spares_newer_versions(tmp_path: Path) -> None:
    origin, asset_id = HandOrigin(), a_ticket().asset_id
    with opened(tmp_path) as index:
        old = upload(index, origin.origin, b"one", a_ticket(asset_id=asset_id))
        origin.now += 1000
        new = upload(index, origin.origin, b"two", a_ticket(asset_id=asset_id))
        stone = Tombstone(asset_id, "photos", old.public_id, "s1", old.version, origin.now)
        assert index.write(apply_tombstone(stone, origin.origin)).result(20)
        assert not index.write(apply_tombstone(stone, origin.origin)).result(20)
        assert index.asset(asset_id).records == (new,)
        assert index.unlinks(10) == [key_of(old)]


def test_a_tombstone_forbids_adding_a_record_and_wanting_it(tmp_path: Path) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        kept, gone = upload(index, origin.origin, b"one"), upload(index, origin.origin, b"one")
        delete(index, origin, gone)
        assert not index.write(add_record(gone, origin.origin)).result(20)
        index.write(want(gone, "missing", origin.now, random.Random(1))).result(20)
        assert index.counts().wanted == 0
        assert index.record_of_blob("photos", kept.blob.sha256) == kept


@pytest.mark.parametrize("seed", range(3))
def test_uploads_and_deletes_of_the_same_bytes_at_once_keep_file_and_index_together(
    tmp_path: Path, seed: int
) -> None:
    """The rule of blob_locks.py: a row has its file, and a file without a row is unlinked."""
    origin, store, locks = HandOrigin(), MemoryStore(), BlobLocks()
    bodies = [b"body %d %d" % (seed, number) for number in range(3)]

    def one(index: Index, body: bytes) -> None:
        for _ in range(15):
            staged, blob = store.stage(), a_blob(body)
            staged.write(body)
            staged.sync()
            with locks.of(blob.sha256):
                store.publish(staged, BlobKey("photos", blob.sha256, "jpg"))
                record = upload(index, origin.origin, body)
            delete(index, origin, record)
            for key in index.unlinks(10):
                with locks.of(key.sha256):
                    if index.blob(key.bucket, key.sha256) is None:
                        store.remove(key)
                        index.write(removed(key, origin.origin, erased=True)).result(20)

    with opened(tmp_path) as index:
        threads = [threading.Thread(target=one, args=(index, bodies[n % 3])) for n in range(9)]
        for thread in threads:
            thread.start()
        survivor = upload(index, origin.origin, b"the last one")
        for thread in threads:
            thread.join(60)
        assert index.unlinks(10) == []
        assert store.blobs == {}
        assert index.counts().blobs == 1
        assert index.record_of_blob("photos", survivor.blob.sha256) == survivor


def test_a_delete_covers_a_version_that_its_sender_saw_and_this_node_did_not(tmp_path: Path) -> None:
    """Deleted, restored elsewhere, deleted again here before the restored version has come."""
    origin = HandOrigin()
    with opened(tmp_path) as index:
        record = upload(index, origin.origin, b"one")
        first = delete(index, origin, record)
        restored = msgspec.structs.replace(record, version=new_id(origin.now + 60_000))
        order = DeleteOrder(
            record.asset_id, record.bucket, record.public_id, record.set, seen=restored.version
        )
        second = index.write(make_tombstone(order, origin.origin)).result(20)
        assert second.version > restored.version > first.version
        assert index.write(make_tombstone(order, origin.origin)).result(20) == second
        assert index.write(store_replica(restored, b"", origin.origin)).result(20) is False


def test_a_node_whose_clock_is_a_day_behind_makes_no_version_that_an_earlier_delete_covers(
    tmp_path: Path,
) -> None:
    origin = HandOrigin()
    with opened(tmp_path) as index:
        ticket = a_ticket(ticket_id=new_id(origin.now + 86_400_000))
        stone_version = new_id(origin.now + 86_400_000 - 1)
        assert upload(index, origin.origin, b"one", ticket).version > stone_version
