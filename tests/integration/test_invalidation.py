"""Announcements of changed assets, between query services on real NATS, Redis and MongoDB."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

import msgspec
import pytest
from cut_proxy import CutProxy
from indexer_stage import KEYS, connected_bus, until
from lookup_stage import lookup_stage
from sample_events import record, stored

from atoll.events import SIGNATURE_HEADER
from atoll.ids import new_id
from atoll.signing import seal
from query_service.invalidation import SUBJECT, Changed, Invalidation

pytestmark = pytest.mark.integration


@pytest.fixture
async def services(engines, mongo_database, tmp_path):
    """Two query services; the first reaches Redis through a proxy that can be cut."""
    async with contextlib.AsyncExitStack() as stack:
        redis = engines.urls.redis
        proxy = await stack.enter_async_context(CutProxy(urlsplit(redis).port))
        urls = [redis.replace(f":{urlsplit(redis).port}", f":{proxy.port}"), redis]
        pairs = []
        for number, url in enumerate(urls):
            stage = await stack.enter_async_context(lookup_stage(engines.urls.mongodb, mongo_database, url))
            bus = await stack.enter_async_context(
                connected_bus(engines.urls.nats, tmp_path, f"query-{number}")
            )
            invalidation = Invalidation(bus, KEYS, stage.lookup, stage.redis)
            await invalidation.listen()
            await bus.flush()
            pairs.append((stage, bus, invalidation))
        yield proxy, *pairs


async def known_to_both(one, two):
    """An asset that both have in memory, and Redis too."""
    asset = record(f"asset-{new_id()}", 1000)
    await one.catalog.apply([stored(asset, 1000)])
    for stage in (one, two):
        await stage.asset(asset.asset_id)
        await stage.settle()
    return asset


async def test_every_query_service_forgets_what_one_announces(services):
    _, (one, _, invalidation), (two, *_) = services
    asset = await known_to_both(one, two)
    await invalidation.announce({asset.asset_id})
    assert one.lookup.cached(asset.asset_id) is None
    await until(lambda: two.lookup.cached(asset.asset_id) is None)
    assert (await two.redis.get([asset.asset_id])).assets == {}


async def test_when_everything_may_have_changed_everything_is_forgotten(services):
    _, (one, _, invalidation), (two, *_) = services
    asset = await known_to_both(one, two)
    await invalidation.announce(None)
    await until(lambda: two.lookup.cached(asset.asset_id) is None)
    await one.redis_up()
    await two.redis_up()
    assert (await one.redis.get([asset.asset_id])).assets == {}
    assert (await two.redis.get([asset.asset_id])).assets == {}


async def test_who_hears_tells_redis_when_the_announcer_could_not(services):
    proxy, (one, _, invalidation), (two, *_) = services
    asset = await known_to_both(one, two)
    await proxy.cut()
    await invalidation.announce({asset.asset_id})
    await until(lambda: two.lookup.cached(asset.asset_id) is None)
    assert (await two.redis.get([asset.asset_id])).assets == {}


@pytest.mark.parametrize("sealed", [True, False])
async def test_an_announcement_that_is_not_ours_is_ignored(services, sealed):
    _, (one, bus, invalidation), (two, *_) = services
    asset, other = await known_to_both(one, two), await known_to_both(one, two)
    body = b"{" if sealed else msgspec.json.encode(Changed(None, 1))
    await bus.publish(SUBJECT, body, {SIGNATURE_HEADER: seal(KEYS.event, SUBJECT, body)} if sealed else {})
    await invalidation.announce({other.asset_id})
    await until(lambda: two.lookup.cached(other.asset_id) is None)  # so the first has been heard, too
    assert two.lookup.cached(asset.asset_id) is not None


async def test_after_a_reconnect_memory_is_empty(fresh_engines, tmp_path):
    urls = fresh_engines.urls
    async with (
        lookup_stage(urls.mongodb, "test", urls.redis) as stage,
        connected_bus(urls.nats, tmp_path, "query-1") as bus,
    ):
        await Invalidation(bus, KEYS, stage.lookup, stage.redis).listen()
        asset = record("tom", 1000)
        await stage.catalog.apply([stored(asset, 1000)])
        await stage.asset(asset.asset_id)
        assert stage.lookup.cached(asset.asset_id)
        fresh_engines.kill("nats")
        await until(lambda: not bus.connected)
        await until(lambda: stage.lookup.cached(asset.asset_id) is None)
        assert (await stage.asset(asset.asset_id)).record == asset
