"""The memory for uploads of the last moments: what it keeps, and when it forgets."""

from __future__ import annotations

from storage_node.fresh_uploads import SECONDS, FreshUploads
from storage_node.ram_cache import RamCache
from storage_node.store import BlobKey


def key(number: int) -> BlobKey:
    return BlobKey("images", f"{number:064x}", "jpg")


def memory(budget: int = 100) -> tuple[FreshUploads, RamCache]:
    ram = RamCache(10_000, 1_000)
    return FreshUploads(ram, budget), ram


def test_what_was_put_is_there() -> None:
    fresh, _ = memory()
    fresh.put(key(1), b"one", fresh.drops)
    assert fresh.get(key(1)) == b"one"
    assert fresh.get(key(2)) is None


def test_the_oldest_leave_when_the_budget_is_used_up() -> None:
    fresh, _ = memory(budget=100)
    for number in range(4):
        fresh.put(key(number), bytes(30), fresh.drops)
    assert [fresh.get(key(number)) is not None for number in range(4)] == [False, True, True, True]


def test_the_same_blob_twice_takes_its_room_once() -> None:
    fresh, _ = memory(budget=100)
    fresh.put(key(1), bytes(40), fresh.drops)
    fresh.put(key(2), bytes(40), fresh.drops)
    fresh.put(key(2), bytes(40), fresh.drops)
    assert fresh.get(key(1)) is not None


def test_what_is_larger_than_the_budget_pushes_nothing_out() -> None:
    fresh, _ = memory(budget=100)
    fresh.put(key(1), bytes(40), fresh.drops)
    fresh.put(key(2), bytes(101), fresh.drops)
    assert fresh.get(key(1)) is not None
    assert fresh.get(key(2)) is None


def test_after_a_delete_or_a_bad_copy_nothing_is_given_from_memory() -> None:
    fresh, ram = memory()
    fresh.put(key(1), b"one", fresh.drops)
    ram.drop("images", key(1).sha256)
    assert fresh.get(key(1)) is None


def test_an_upload_during_which_something_was_dropped_is_not_kept() -> None:
    fresh, ram = memory()
    seen = fresh.drops
    ram.drop("images", key(1).sha256)
    fresh.put(key(1), b"one", seen)
    assert fresh.get(key(1)) is None


def test_what_comes_after_a_drop_is_kept_again() -> None:
    fresh, ram = memory()
    ram.clear()
    fresh.put(key(1), b"one", fresh.drops)
    assert fresh.get(key(1)) == b"one"


def test_after_some_seconds_the_disk_is_read_again() -> None:
    now = 0.0
    fresh = FreshUploads(RamCache(10_000, 1_000), 100, lambda: now)
    fresh.put(key(1), bytes(60), fresh.drops)
    now = SECONDS / 2
    fresh.put(key(2), bytes(40), fresh.drops)
    assert fresh.get(key(1)) is not None
    now = SECONDS
    assert fresh.get(key(1)) is None
    fresh.put(key(3), bytes(60), fresh.drops)
    assert fresh.get(key(2)) is not None
