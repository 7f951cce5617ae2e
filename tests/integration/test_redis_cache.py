"""The shared cache on a real Valkey: what it keeps, and above all what it never gives back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from cut_proxy import CutProxy
from sample_events import record

from atoll.backoff import Backoff
from atoll.cancelling import cancel_and_wait
from atoll.ids import now_ms
from atoll.model import Location
from atoll.settings import SettingsError
from query_service import redis_cache, redis_link
from query_service.catalog_asset import CatalogAsset
from query_service.redis_cache import RedisCache
from query_service.redis_link import EPOCH_KEY
from query_service.redis_url import open_redis

pytestmark = pytest.mark.integration
PATIENCE = 20.0


class Clocks:
    """Time as the cache sees it, moved by the test."""

    def __init__(self) -> None:
        self.monotonic, self.ahead_ms = 1000.0, 0

    def clock(self) -> float:
        return self.monotonic

    def now_ms(self) -> int:
        return now_ms() + self.ahead_ms


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
async def redis(engines):
    """A plain client, to look behind the cache."""
    client = open_redis(engines.urls.redis, "test", 5, 4)
    yield client
    await client.aclose()


@contextlib.asynccontextmanager
async def running(url: str, clocks: Clocks | None = None) -> AsyncIterator[RedisCache]:
    """A cache that has arrived."""
    client = open_redis(url, "test", 1, redis_link.CONNECTIONS)
    clock = clocks.clock if clocks else time.monotonic
    cache = RedisCache(
        client,
        seconds=600,
        clock=clock,
        now_ms=clocks.now_ms if clocks else now_ms,
        backoff=Backoff(0.01, 0.05),
    )
    keeper = asyncio.create_task(cache.run())
    try:
        await asyncio.wait_for(cache.wait_up(), PATIENCE)
        yield cache
    finally:
        await cancel_and_wait([keeper])
        await client.aclose()


@pytest.fixture
async def cache(engines, clocks):
    async with running(engines.urls.redis, clocks) as cache:
        yield cache


def entry(name: str, at: int = 1000) -> tuple[str, CatalogAsset]:
    asset = record(name, at, tags=("ä", "b"), context={"k.1": "v"}, filename="é.jpg")
    return asset.asset_id, CatalogAsset(asset, (Location("eu-1", "eu", 1, 2), Location("us-1", "us", 3, 4)))


async def key_of(redis, asset_id: str) -> str:
    return redis_cache._key((await redis.get(EPOCH_KEY)).decode(), asset_id)


async def until(condition) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - a condition outside this process
            await asyncio.sleep(0.01)


async def test_what_was_put_comes_back_whole(cache):
    asset_id, asset = entry("whole")
    await cache.put(cache.lease(), {asset_id: asset})
    assert (await cache.get([asset_id, "n" + "1" * 25])).assets == {asset_id: asset}


async def test_a_use_makes_the_expiry_start_again(cache, redis):
    asset_id, asset = entry("used")
    await cache.put(cache.lease(), {asset_id: asset})
    key = await key_of(redis, asset_id)
    await redis.expire(key, 5)
    await cache.get([asset_id])
    assert await redis.ttl(key) > 5


async def test_asking_for_an_invalidated_asset_keeps_its_mark_no_longer(cache, redis):
    asset_id, _ = entry("asked for")
    await cache.invalidate([asset_id])
    await cache.get([asset_id])
    assert 0 < await redis.ttl(await key_of(redis, asset_id)) <= redis_cache.MARK_SECONDS


async def test_a_load_that_began_before_an_invalidation_stores_nothing_after_it(cache, redis):
    asset_id, old = entry("raced")
    lease = cache.lease()
    assert await cache.invalidate([asset_id])
    await cache.put(lease, {asset_id: old})
    assert (await cache.get([asset_id])).assets == {}


async def test_when_the_mark_expires_such_a_load_is_too_old_to_store(cache, redis, clocks):
    asset_id, old = entry("slow load")
    lease = cache.lease()
    await cache.invalidate([asset_id])
    await redis.delete(await key_of(redis, asset_id))  # as its expiry does
    clocks.monotonic += redis_cache.MARK_SECONDS
    await cache.put(lease, {asset_id: old})
    assert (await cache.get([asset_id])).assets == {}
    await cache.put(cache.lease(), {asset_id: old})
    assert (await cache.get([asset_id])).assets == {asset_id: old}


async def test_a_lease_ends_well_before_a_mark_does():
    assert redis_cache.LEASE_SECONDS + redis_cache.WRITE_SECONDS < redis_cache.MARK_SECONDS


async def test_an_invalidation_takes_away_what_was_stored(cache):
    asset_id, asset = entry("stored")
    await cache.put(cache.lease(), {asset_id: asset})
    assert await cache.invalidate([asset_id])
    assert (await cache.get([asset_id])).assets == {}


async def test_a_value_is_worth_nothing_after_its_greatest_age_and_makes_room(cache, redis, clocks):
    asset_id, asset = entry("aged")
    await cache.put(cache.lease(), {asset_id: asset})
    clocks.ahead_ms = redis_cache.MAX_AGE_SECONDS * 1000 + 1000
    assert (await cache.get([asset_id])).assets == {}
    assert not await redis.exists(await key_of(redis, asset_id))


@pytest.mark.parametrize("value", [b"\x00", b"\xff" * 40, b"\x92\x01", "ü".encode("latin-1")])
async def test_a_value_that_cannot_be_read_is_a_miss_and_makes_room(cache, redis, value):
    asset_id, asset = entry("broken")
    await redis.set(await key_of(redis, asset_id), value)
    assert (await cache.get([asset_id])).assets == {}
    await cache.put(cache.lease(), {asset_id: asset})
    assert (await cache.get([asset_id])).assets == {asset_id: asset}


async def test_a_value_of_another_asset_is_a_miss(cache, redis):
    (one, asset), (two, _) = entry("one"), entry("two")
    await cache.put(cache.lease(), {one: asset})
    await redis.set(await key_of(redis, two), await redis.get(await key_of(redis, one)))
    assert (await cache.get([two])).assets == {}


async def test_a_new_epoch_set_by_one_forgets_the_entries_of_all(engines, cache):
    asset_id, asset = entry("epoch")
    await cache.put(cache.lease(), {asset_id: asset})
    lease = cache.lease()
    async with running(engines.urls.redis) as other:
        assert (await other.get([asset_id])).assets == {asset_id: asset}
        other.lose()
        await asyncio.wait_for(other.wait_up(), PATIENCE)
    assert (await cache.get([asset_id])).assets == {}
    await cache.put(lease, {asset_id: asset})  # a load that began in the old epoch
    assert (await cache.get([asset_id])).assets == {}


async def test_an_invalidation_reaches_the_epoch_of_now(engines, cache):
    asset_id, asset = entry("epoch of now")
    async with running(engines.urls.redis) as other:
        other.lose()
        await asyncio.wait_for(other.wait_up(), PATIENCE)
        await other.put(other.lease(), {asset_id: asset})
        assert await cache.invalidate([asset_id])  # it has not heard of the new epoch yet
        assert (await other.get([asset_id])).assets == {}


async def test_a_wiped_server_is_used_again(cache, redis):
    asset_id, asset = entry("wiped")
    await redis.delete(EPOCH_KEY)
    assert (await cache.get([asset_id])).assets == {}

    async def kept() -> bool:
        await cache.put(cache.lease(), {asset_id: asset})
        return (await cache.get([asset_id])).assets == {asset_id: asset}

    await until(kept)


@pytest.fixture
async def proxy(engines):
    async with CutProxy(urlsplit(engines.urls.redis).port) as proxy:
        yield proxy


def through(proxy: CutProxy, url: str) -> str:
    return url.replace(f":{urlsplit(url).port}", f":{proxy.port}")


async def test_who_could_not_invalidate_begins_a_new_epoch_when_redis_is_back(engines, cache, proxy):
    asset_id, asset = entry("cut off")
    async with running(through(proxy, engines.urls.redis)) as cut_off:
        await cache.put(cache.lease(), {asset_id: asset})
        await proxy.cut()
        assert not await cut_off.invalidate([asset_id])
        assert not await cut_off.invalidate([asset_id])  # at once, now that it knows
        assert (await cut_off.get([asset_id])).assets == {}
        assert not cut_off.up
        proxy.mend()
        await asyncio.wait_for(cut_off.wait_up(), PATIENCE)
        assert (await cut_off.get([asset_id])).assets == {}
    assert (await cache.get([asset_id])).assets == {}


async def test_a_server_that_stalls_is_soon_asked_no_more_and_used_again_when_it_answers(engines, proxy):
    asset_id, asset = entry("stalled")
    async with running(through(proxy, engines.urls.redis)) as cache:
        await cache.put(cache.lease(), {asset_id: asset})
        proxy.stall()
        for _ in range(redis_link.TIMEOUTS_IN_A_ROW):
            assert (await cache.get([asset_id])).assets == {}
        assert not cache.up
        proxy.mend()
        await asyncio.wait_for(cache.wait_up(), PATIENCE)
        await cache.put(cache.lease(), {asset_id: asset})
        assert (await cache.get([asset_id])).assets == {asset_id: asset}


async def test_a_store_that_is_not_answered_costs_the_epoch(engines, proxy):
    asset_id, asset = entry("unanswered")
    async with running(through(proxy, engines.urls.redis)) as cache:
        proxy.stall()
        await cache.put(cache.lease(), {asset_id: asset})
        assert not cache.up


@pytest.mark.parametrize(
    "url", ["http://host", "redis+sentinel://host:1", "redis+sentinel:///main/0", "redis://h:port"]
)
async def test_a_url_that_is_none_is_a_mistake_in_the_settings(url):
    with pytest.raises(SettingsError):
        open_redis(url, "test", 1, 1)
