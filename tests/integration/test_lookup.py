"""Lookups through memory, Redis and catalog, on real engines: one read per miss, and never an old value."""

from __future__ import annotations

import asyncio

import pytest
from lookup_stage import PATIENCE, lookup_stage
from sample_events import BUCKET, buried, record, replicated, stored

from atoll.ids import named_asset_id, new_id
from query_service.catalog_errors import CatalogUnavailable

pytestmark = pytest.mark.integration


@pytest.fixture
async def stage(engines, mongo_database):
    async with lookup_stage(engines.urls.mongodb, mongo_database, engines.urls.redis) as stage:
        await stage.catalog.ensure_indexes()
        yield stage


@pytest.fixture
async def other(engines, mongo_database, stage):
    """Another process on the same catalog and Redis."""
    async with lookup_stage(engines.urls.mongodb, mongo_database, engines.urls.redis) as other:
        yield other


def fresh(name: str, at: int = 1000, bytes_: str | None = None):
    """A record of an asset that no other run has put into the shared Redis."""
    return record(f"{name}-{new_id()}", at, bytes_)


async def test_a_storm_of_misses_on_one_asset_makes_one_catalog_read(stage):
    asset = fresh("storm")
    await stage.catalog.apply([stored(asset, 1000)])
    stage.catalog.hold()
    first = asyncio.gather(*(stage.asset(asset.asset_id) for _ in range(200)))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    late = asyncio.gather(*(stage.asset(asset.asset_id) for _ in range(200)))
    await asyncio.sleep(0)
    stage.catalog.release()
    found = [*await first, *await late]
    assert {a.record.version for a in found} == {asset.version}
    assert stage.catalog.reads == 1


async def test_misses_of_one_moment_share_one_catalog_read(stage):
    assets = [fresh(f"a{i}") for i in range(50)]
    await stage.catalog.apply([stored(asset, 1000) for asset in assets])
    found = await asyncio.gather(*(stage.asset(asset.asset_id) for asset in assets))
    assert [a.record for a in found] == assets
    assert stage.catalog.reads == 1


async def test_memory_comes_first_and_redis_serves_the_other_process(stage, other):
    asset = fresh("shared")
    await stage.catalog.apply([stored(asset, 1000)])
    found = await stage.asset(asset.asset_id)
    assert stage.lookup.cached(asset.asset_id) == found
    assert await stage.asset(asset.asset_id) == found
    assert stage.catalog.reads == 1
    await stage.settle()
    assert await other.asset(asset.asset_id) == found
    assert other.catalog.reads == 0


async def test_what_is_missing_is_asked_for_again(stage):
    asset = fresh("soon there")
    assert await stage.asset(asset.asset_id) is None
    await stage.catalog.apply([stored(asset, 1000)])
    assert (await stage.asset(asset.asset_id)).record == asset


async def test_names_are_found_whether_given_or_generated(stage):
    given, own_id = fresh("given"), new_id()
    generated = record(own_id, 1000, asset_id=own_id)
    await stage.catalog.apply([stored(given, 1000), stored(generated, 1000)])
    assert (await stage.finder.named(BUCKET, given.public_id)).record == given
    assert (await stage.finder.named(BUCKET, own_id)).record == generated
    assert await stage.finder.named("another-bucket", own_id) is None
    assert await stage.finder.named(BUCKET, "nobody") is None
    names = [(BUCKET, given.public_id), (BUCKET, own_id), ("another-bucket", own_id), (BUCKET, "nobody")]
    found = await stage.finder.many(names)
    assert {name: a.record for name, a in found.items()} == {names[0]: given, names[1]: generated}


async def test_many_give_those_that_exist(stage):
    assets = [fresh(f"m{i}") for i in range(600)]
    await stage.catalog.apply([stored(asset, 1000) for asset in assets])
    await stage.asset(assets[0].asset_id)
    found = await stage.many([*(a.asset_id for a in assets), named_asset_id(BUCKET, "nobody")])
    assert {i: a.record for i, a in found.items()} == {a.asset_id: a for a in assets}
    assert stage.catalog.reads <= 3  # one, and two batches


async def test_a_load_overtaken_by_an_invalidation_is_not_remembered(stage, other):
    old = fresh("overtaken", 1000, "old")
    new = record(old.public_id, 2000, "new")
    await stage.catalog.apply([stored(old, 1000)])
    stage.catalog.hold()
    waiting = asyncio.create_task(stage.asset(old.asset_id))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)  # the old value is on its way
    await other.catalog.apply([stored(new, 2000)])
    assert await other.invalidate([old.asset_id])
    stage.lookup.forget([old.asset_id])  # as it hears from the other
    stage.catalog.release()
    assert (await waiting).record == old  # it asked before the change
    assert (await stage.asset(old.asset_id)).record == new
    assert (await other.asset(old.asset_id)).record == new


async def test_who_asks_after_an_invalidation_does_not_share_a_load_from_before(stage):
    old = fresh("shared load", 1000, "old")
    new = record(old.public_id, 2000, "new")
    await stage.catalog.apply([stored(old, 1000)])
    stage.catalog.hold()
    waiting = asyncio.create_task(stage.asset(old.asset_id))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    await stage.catalog.apply([stored(new, 2000)])
    await stage.invalidate([old.asset_id])
    newcomer = asyncio.create_task(stage.asset(old.asset_id))
    await asyncio.sleep(0)
    stage.catalog.release()
    assert (await waiting).record == old
    assert (await newcomer).record == new


async def test_a_load_overtaken_in_another_process_does_not_get_into_redis(stage, other):
    old = fresh("overtaken elsewhere", 1000, "old")
    new = record(old.public_id, 2000, "new")
    await stage.catalog.apply([stored(old, 1000)])
    stage.catalog.hold()
    waiting = asyncio.create_task(stage.asset(old.asset_id))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    await other.catalog.apply([stored(new, 2000)])
    assert await other.invalidate([old.asset_id])  # and this process does not hear of it
    stage.catalog.release()
    await waiting
    await stage.settle()  # its store in Redis has been tried
    assert (await other.asset(old.asset_id)).record == new


async def test_a_load_overtaken_by_the_loss_of_messages_is_not_remembered(stage):
    asset = fresh("reconnect")
    await stage.catalog.apply([stored(asset, 1000)])
    stage.catalog.hold()
    waiting = asyncio.create_task(stage.asset(asset.asset_id))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    stage.lookup.forget(None)
    stage.catalog.release()
    assert (await waiting).record == asset
    assert stage.lookup.cached(asset.asset_id) is None


async def test_one_who_stops_waiting_takes_nothing_from_the_others(stage):
    asset = fresh("patience")
    await stage.catalog.apply([stored(asset, 1000)])
    stage.catalog.hold()
    impatient, patient = (asyncio.create_task(stage.asset(asset.asset_id)) for _ in range(2))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    stage.catalog.release()
    assert (await patient).record == asset
    assert stage.catalog.reads == 1


async def test_changes_are_seen_after_their_invalidation(stage, other):
    asset = fresh("changing")
    await stage.catalog.apply([stored(asset, 1000)])
    for process in (stage, other):
        assert len((await process.asset(asset.asset_id)).locations) == 1
    for event in (replicated(asset, 2000, "us-1"), buried(asset, 3000)):
        applied = await stage.catalog.apply([event])
        assert await stage.invalidate(applied.changed)
        other.lookup.forget(applied.changed)
        answers = [await process.asset(asset.asset_id) for process in (stage, other)]
        expected = 2 if event.region == "us" else None
        assert [a and len(a.locations) for a in answers] == [expected, expected]


@pytest.fixture
async def breakable(fresh_engines):
    urls = fresh_engines.urls
    async with lookup_stage(urls.mongodb, "test", urls.redis, memory_seconds=0.0) as stage:
        await stage.catalog.ensure_indexes()
        yield stage


async def test_with_redis_killed_answers_are_the_same_and_it_comes_back_by_itself(breakable, fresh_engines):
    assets = [fresh(f"k{i}") for i in range(5)]
    await breakable.catalog.apply([stored(asset, 1000) for asset in assets])

    async def answers():
        return [(await breakable.asset(asset.asset_id)).record for asset in assets]

    assert await answers() == assets
    await asyncio.to_thread(fresh_engines.kill, "valkey", restart=False)
    assert await answers() == assets
    assert not breakable.redis.up
    changed = record(assets[0].public_id, 2000, "changed")
    await breakable.catalog.apply([stored(changed, 2000)])
    assert not await breakable.invalidate([changed.asset_id])
    assets[0] = changed
    assert await answers() == assets
    await asyncio.to_thread(fresh_engines.start, "valkey")
    await breakable.redis_up()
    assert await answers() == assets
    await breakable.settle()
    reads = breakable.catalog.reads
    assert await answers() == assets
    assert breakable.catalog.reads == reads  # Redis answers for the catalog again


async def test_with_mongodb_away_what_redis_has_still_resolves(breakable, fresh_engines):
    known, unknown = fresh("known"), fresh("unknown")
    await breakable.catalog.apply([stored(known, 1000), stored(unknown, 1000)])
    assert (await breakable.asset(known.asset_id)).record == known
    await breakable.settle()
    await asyncio.to_thread(fresh_engines.kill, "mongodb", restart=False)
    assert (await breakable.asset(known.asset_id)).record == known
    with pytest.raises(CatalogUnavailable):
        await breakable.asset(unknown.asset_id)
    with pytest.raises(CatalogUnavailable):
        await breakable.many([known.asset_id, unknown.asset_id])
    assert (await breakable.asset(known.asset_id)).record == known
