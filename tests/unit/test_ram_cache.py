"""The RAM cache: its budget, what leaves first, and that nothing dropped comes back."""

from __future__ import annotations

import random

from atoll.names import Handle
from storage_node.blob_address import BlobAddress
from storage_node.derivative import Derivative
from storage_node.ram_cache import Entry, RamCache


def an_entry(number: int, size: int = 1000, set_name: str = "s1", expires_at: float | None = None) -> Entry:
    address = BlobAddress("photos", Handle(set_name, f"{number:064x}", "jpg"))
    blobs = (("photos", address.handle.sha256),)
    return Entry(address.path, blobs, bytes(size), b"", public=True, expires_at=expires_at)


def filled(cache: RamCache, numbers: range, size: int = 1000) -> None:
    for number in numbers:
        assert cache.put(an_entry(number, size), cache.drops)


def has(cache: RamCache, number: int) -> bool:
    return an_entry(number).path in cache.entries


def cost(size: int = 1000) -> int:
    return an_entry(0, size).cost


def test_what_is_put_is_found_by_its_path() -> None:
    cache = RamCache(10_000, 5000)
    entry = an_entry(1)
    assert cache.put(entry, cache.drops)
    assert cache.get(entry.path) is entry
    assert cache.get("/photos/s1/other") is None


def test_the_budget_is_kept_whatever_comes() -> None:
    cache, rng = RamCache(50_000, 20_000), random.Random(1)
    for _ in range(2000):
        entry = an_entry(rng.randrange(200), rng.randrange(1, 25_000))
        if cache.get(entry.path) is None:
            cache.put(entry, cache.drops)
        if rng.random() < 0.05:
            cache.drop("photos", f"{rng.randrange(200):064x}")
        assert cache.used_bytes == sum(e.cost for e in cache.entries.values()) <= 50_000


def test_too_large_a_blob_is_not_taken() -> None:
    cache = RamCache(10_000, 500)
    assert not cache.put(an_entry(1, 501), cache.drops)
    assert not RamCache(0, 500).put(an_entry(1, 10), 0)


def test_what_was_used_stays_when_room_is_needed() -> None:
    cache = RamCache(10 * cost(), 5000)
    filled(cache, range(10))
    cache.get(an_entry(0).path)
    filled(cache, range(10, 15))
    assert has(cache, 0)
    assert not has(cache, 1)


def test_a_scan_does_not_drive_out_what_is_hot() -> None:
    cache = RamCache(100 * cost(), 5000)
    filled(cache, range(50))
    for number in range(1000, 6000):
        for hot in range(50):
            cache.get(an_entry(hot).path) if number % 20 == 0 else None
        filled(cache, range(number, number + 1))
    assert all(has(cache, hot) for hot in range(50))


def test_putting_again_replaces() -> None:
    cache = RamCache(10_000, 5000)
    filled(cache, range(1))
    filled(cache, range(1), size=2000)
    assert cache.used_bytes == cost(2000)


def test_a_drop_takes_the_blob_under_every_set() -> None:
    cache = RamCache(100_000, 5000)
    filled(cache, range(3))
    cache.put(an_entry(1, set_name="s2"), cache.drops)
    cache.drop("photos", f"{1:064x}")
    assert len(cache.entries) == 2
    assert cache.used_bytes == 2 * cost()


def test_bytes_read_before_a_drop_do_not_come_back_after_it() -> None:
    cache = RamCache(100_000, 5000)
    seen = cache.drops
    cache.drop("photos", f"{1:064x}")
    assert not cache.put(an_entry(1), seen)
    assert cache.put(an_entry(1), cache.drops)


def test_bytes_read_before_a_clear_do_not_come_back_after_it() -> None:
    cache = RamCache(100_000, 5000)
    filled(cache, range(3))
    seen = cache.drops
    cache.clear()
    assert not cache.entries
    assert cache.used_bytes == 0
    assert not cache.put(an_entry(1), seen)


def test_blobs_of_other_sets_leave_when_their_time_is_over() -> None:
    cache = RamCache(100_000, 5000)
    cache.put(an_entry(1, expires_at=10.0), cache.drops)
    cache.put(an_entry(2), cache.drops)
    cache.put(an_entry(3, expires_at=12.0), cache.drops)
    cache.expire(9.9)
    assert len(cache.entries) == 3
    cache.expire(10.0)
    assert (has(cache, 1), has(cache, 2), has(cache, 3)) == (False, True, True)
    cache.put(an_entry(3), cache.drops)  # ours now: no time limit any more
    cache.expire(99.0)
    assert has(cache, 3)


def test_emptied_by_evictions_it_still_works() -> None:
    cache = RamCache(10 * cost(), 9 * 1000)
    filled(cache, range(10))
    filled(cache, range(20, 21), size=9000)
    filled(cache, range(30, 40))
    assert cache.used_bytes <= 10 * cost()
    assert has(cache, 39)


def a_derivative(name: str, layer: str) -> Entry:
    facts = Derivative("photos", "a", name, 4, "", "jpg", 1, 1, 1, False, 0.0, (layer,))
    return Entry(
        f"~{name}", (("photos", "a"), ("photos", layer)), b"body", b"", public=False, derivative=facts
    )


def test_a_derivative_leaves_with_any_of_its_blobs_and_that_is_told() -> None:
    for gone in ("a", "b"):
        cache = RamCache(50_000, 20_000)
        left: list[Entry] = []
        cache.left = left.append
        entry = a_derivative("w_1.jpg", "b")
        assert cache.put(entry, cache.drops)
        cache.drop("photos", "c")
        assert cache.get(entry.path) is entry
        cache.drop("photos", gone)
        assert cache.get(entry.path) is None
        assert (left, cache.used_bytes) == ([entry], 0)
        cache.drop("photos", "a")
        cache.drop("photos", "b")


def test_two_derivatives_of_a_blob_lie_beside_it_and_one_may_be_evicted_alone() -> None:
    cache = RamCache(50_000, 20_000)
    blob = an_entry(10)
    for entry in (blob, first := a_derivative("w_1.jpg", "b"), a_derivative("w_2.jpg", "b")):
        assert cache.put(entry, cache.drops)
    assert cache.put(a_derivative("w_1.jpg", "b"), cache.drops)
    assert cache.get(first.path) is not first
    cache.drop("photos", "b")
    assert list(cache.entries) == [blob.path]
