"""What every blob store must do, run over all that there are."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from memory_store import MemoryStore

from storage_node.disk_store import DiskStore
from storage_node.store import BlobKey, BlobStore, StoreFailed

BODY = b"the bytes of an image" * 100


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    makers: dict[str, Callable[[], BlobStore]] = {"disk": lambda: DiskStore(tmp_path), "memory": MemoryStore}
    return makers[request.param]()


def key_of(body: bytes, bucket: str = "photos") -> BlobKey:
    return BlobKey(bucket, hashlib.sha256(body).hexdigest(), "jpg")


def put(store: BlobStore, body: bytes = BODY, bucket: str = "photos") -> BlobKey:
    staged, key = store.stage(), key_of(body, bucket)
    staged.write(body)
    staged.sync()
    store.publish(staged, key)
    return key


def test_what_is_published_is_read_back(store: BlobStore) -> None:
    key = put(store)
    assert store.read(key) == BODY
    assert store.size(key) == len(BODY)


def test_staged_bytes_are_visible_to_nobody(store: BlobStore) -> None:
    staged = store.stage()
    staged.write(BODY)
    staged.sync()
    assert store.read(key_of(BODY)) is None
    assert store.size(key_of(BODY)) is None


def test_parts_are_read_by_place(store: BlobStore) -> None:
    key = put(store)
    assert store.read(key, 10, 5) == BODY[10:15]
    assert store.read(key, len(BODY) - 3) == BODY[-3:]
    assert store.read(key, len(BODY) - 3, 100) == BODY[-3:]
    assert store.read(key, len(BODY) + 10, 5) == b""
    assert store.read(key, 0, 0) == b""


def test_bytes_may_come_in_pieces_of_any_kind(store: BlobStore) -> None:
    staged, key = store.stage(), key_of(b"abcdef")
    for piece in (b"ab", bytearray(b"cd"), memoryview(b"ef")):
        staged.write(piece)
    staged.sync()
    store.publish(staged, key)
    assert store.read(key) == b"abcdef"


def test_publishing_again_replaces(store: BlobStore) -> None:
    key = put(store)
    staged = store.stage()
    staged.write(b"other")
    staged.sync()
    store.publish(staged, key)
    assert store.read(key) == b"other"


def test_several_are_published_at_once(store: BlobStore) -> None:
    bodies = [os.urandom(500) for _ in range(5)]
    some = [(store.stage(), key_of(body)) for body in bodies]
    for (staged, _), body in zip(some, bodies, strict=True):
        staged.write(body)
        staged.sync()
    assert store.publish_all(some) == [None] * 5
    assert [store.read(key) for _, key in some] == bodies


def test_buckets_share_nothing(store: BlobStore) -> None:
    first, second = put(store), put(store, bucket="others")
    assert store.remove(first)
    assert store.read(second) == BODY


def test_removing_twice_says_so(store: BlobStore) -> None:
    key = put(store)
    assert store.remove(key)
    assert not store.remove(key)
    assert store.read(key) is None


def test_a_quarantined_copy_is_out_of_sight_and_kept(store: BlobStore) -> None:
    key = put(store)
    place = store.quarantine(key)
    assert place is not None
    assert key.sha256 in place.name
    assert store.read(key) is None
    assert store.quarantine(key) is None
    put(store)
    assert store.read(key) == BODY


def test_a_quarantined_copy_can_be_read_in_parts_and_removed(store: BlobStore) -> None:
    key = put(store)
    assert store.read_quarantined(key, 0, 10) is None
    store.quarantine(key)
    put(store)  # a copy in place has nothing to do with it
    assert store.read_quarantined(key, 5, 10) == BODY[5:15]
    assert store.read_quarantined(key, len(BODY) - 3, 10) == BODY[-3:]
    assert store.remove_quarantined(key)
    assert not store.remove_quarantined(key)
    assert store.read_quarantined(key, 0, 10) is None
    assert store.read(key) == BODY


def test_a_missing_blob_is_no_error(store: BlobStore) -> None:
    key = key_of(b"never stored")
    assert (store.read(key), store.size(key), store.quarantine(key)) == (None, None, None)


def test_discarding_is_harmless_at_any_time(store: BlobStore) -> None:
    staged = store.stage()
    staged.write(BODY)
    staged.discard()
    staged.discard()
    staged, key = store.stage(), key_of(BODY)
    staged.write(BODY)
    staged.sync()
    store.publish(staged, key)
    staged.discard()
    assert store.read(key) == BODY


def test_room_is_told(store: BlobStore) -> None:
    space = store.space()
    assert 0 < space.free <= space.total


def test_many_threads_publish_at_once(store: BlobStore) -> None:
    bodies = [os.urandom(500) for _ in range(64)]
    with ThreadPoolExecutor(16) as threads:
        keys = list(threads.map(lambda body: put(store, body), bodies * 2))
    for key, body in zip(keys, bodies * 2, strict=True):
        assert store.read(key) == body


def test_disk_files_are_read_only_and_where_the_layout_says(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    key = put(store)
    path = tmp_path / "blobs" / "photos" / key.sha256[:2] / key.sha256[2:4] / f"{key.sha256}.jpg"
    assert store.path(key) == path
    assert path.read_bytes() == BODY
    assert path.stat().st_mode & 0o222 == 0


def test_a_new_start_clears_what_a_crash_left_half_written(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.stage().write(b"half")
    key = put(store)
    again = DiskStore(tmp_path)
    assert again.clear_staged() == 1
    assert list((tmp_path / "incoming").iterdir()) == []
    assert again.read(key) == BODY


def test_one_that_cannot_be_published_costs_only_itself(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    some = [(store.stage(), key_of(os.urandom(9))) for _ in range(3)]
    some[1][0].path.unlink()
    first, second, third = store.publish_all(some)
    assert first is third is None
    assert isinstance(second, StoreFailed)
    assert [store.size(key) for _, key in some] == [0, None, 0]


def test_every_name_is_fsynced_behind_its_rename_and_no_directory_is_believed_before_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, refused = DiskStore(tmp_path), {"photos"}
    synced: list[str] = []

    def fsync(directory: str) -> None:
        if Path(directory).name in refused:
            raise OSError(errno.EIO, "refused")
        synced.append(str(Path(directory).relative_to(tmp_path)))

    monkeypatch.setattr("storage_node.disk_names.fsync_directory", fsync)
    staged, key = store.stage(), key_of(BODY)
    (error,) = store.publish_all([(staged, key)])
    assert isinstance(error, StoreFailed)
    synced.clear()
    refused.clear()
    (error,) = store.publish_all([(store.stage(), key)])
    first, second = key.sha256[:2], key.sha256[2:4]
    below = [f"blobs/photos/{first}", f"blobs/photos/{first}/{second}"]
    assert error is None
    assert synced == ["blobs/photos", *below]
    store.publish(store.stage(), key)
    assert synced[3:] == below[1:]


def test_directories_removed_behind_its_back_are_made_again(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    key = put(store)
    store.remove(key)
    directory = store.path(key).parent
    directory.rmdir()
    directory.parent.rmdir()
    put(store)
    assert store.read(key) == BODY


def test_a_scan_gives_all_bytes_in_order_and_nothing_for_a_missing_blob(store: BlobStore) -> None:
    key = put(store)
    assert b"".join(store.scan(key)) == BODY
    assert list(store.scan(key_of(b"never stored"))) == []


def test_a_store_that_works_can_be_probed_again_and_again(store: BlobStore) -> None:
    store.probe()
    store.probe()
