"""What a process remembers of its lookups."""

from __future__ import annotations

import pytest

from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Picture
from query_service.catalog_asset import CatalogAsset
from query_service.memory_cache import MemoryCache


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return MemoryCache(3, 30.0, clock)


def asset(name: str) -> CatalogAsset:
    blob = Blob("photos", "0" * 64, "jpg", 1, Picture(1, 1))
    return CatalogAsset(AssetRecord(new_id(), name, new_id(), "s1", blob, 1))


def test_what_was_put_comes_back_until_it_is_too_old(cache, clock):
    tom = asset("tom")
    cache.put("tom", tom)
    clock.now += 29.9
    assert cache.get("tom") is tom
    clock.now += 0.1
    assert cache.get("tom") is None
    assert len(cache) == 0


def test_use_does_not_make_it_younger_but_being_put_again_does(cache, clock):
    cache.put("tom", asset("tom"))
    clock.now += 20
    cache.get("tom")
    clock.now += 20
    assert cache.get("tom") is None
    cache.put("tom", asset("tom"))
    clock.now += 20
    assert cache.get("tom")


def test_when_it_is_full_the_one_unused_longest_goes(cache):
    for name in ("a", "b", "c"):
        cache.put(name, asset(name))
    cache.get("a")
    cache.put("d", asset("d"))
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]


def test_one_or_all_can_be_forgotten(cache):
    for name in ("a", "b"):
        cache.put(name, asset(name))
    cache.drop("a")
    cache.drop("never there")
    assert cache.get("a") is None
    assert cache.get("b")
    cache.clear()
    assert cache.get("b") is None
