"""An asset asked for between its upload's answer and its entry in the catalog, on real engines."""

from __future__ import annotations

import asyncio

import pytest
from lookup_stage import PATIENCE, lookup_stage
from sample_events import BUCKET, buried, record, stored

from atoll.errors import NotFound
from atoll.ids import new_id, now_ms
from query_service import redis_cache
from query_service.redis_cache import Kept
from query_service.redis_link import TIMEOUTS_IN_A_ROW
from query_service.wire import DeletedView

pytestmark = pytest.mark.integration


@pytest.fixture
async def stage(engines, mongo_database):
    async with lookup_stage(engines.urls.mongodb, mongo_database, engines.urls.redis) as stage:
        await stage.catalog.ensure_indexes()
        yield stage


@pytest.fixture
async def without_redis(engines, mongo_database):
    """A stage whose Redis is not used, and does not come back."""
    urls = engines.urls
    async with lookup_stage(urls.mongodb, mongo_database, urls.redis, keep_redis=False) as stage:
        yield stage


@pytest.fixture
def nobody_waits(stage, monkeypatch):
    monkeypatch.setattr(stage.arrivals, "wait", None)


def fresh(name: str, at: int = 1000, bytes_: str | None = None):
    """A record of an asset that no other run has put into the shared Redis."""
    return record(f"{name}-{new_id()}", at, bytes_)


def nameless(age_ms: int):
    own_id = new_id(now_ms() - age_ms)
    return record(own_id, 1000, asset_id=own_id)


async def asked(stage, question):
    """A question that is under way, and has been told that the catalog has no such asset."""
    stage.catalog.answered.clear()
    task = asyncio.create_task(question)
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    while not stage.arrivals.waiting:
        assert not task.done()
        await asyncio.sleep(0.001)
    return task


async def comes(stage, asset) -> None:
    """As the indexer does it."""
    applied = await stage.catalog.apply([stored(asset, 1000)])
    await stage.invalidate(applied.changed, applied.came)


async def goes(stage, asset) -> None:
    applied = await stage.catalog.apply([buried(asset, 1500)])
    await stage.invalidate(applied.changed, applied.came)


async def expected(stage, asset) -> bool:
    return asset.asset_id in (await stage.redis.get([asset.asset_id])).expected


@pytest.mark.parametrize("by", ["id", "name", "many"])
async def test_one_that_has_a_ticket_is_waited_for(stage, by):
    asset = fresh("expected")
    name = (BUCKET, asset.public_id)
    await stage.lookup.expect([asset.asset_id], 900)
    questions = {
        "id": lambda: stage.finder.get(asset.asset_id),
        "name": lambda: stage.finder.named(*name),
        "many": lambda: stage.finder.many([asset.asset_id, name, (BUCKET, "nobody")]),
    }
    task = await asked(stage, questions[by]())
    await comes(stage, asset)
    found = await asyncio.wait_for(task, PATIENCE)
    if by == "many":
        assert {key: a.record for key, a in found.items()} == {asset.asset_id: asset, name: asset}
    else:
        assert found.record == asset
    assert stage.catalog.reads <= 3  # nothing is polled


@pytest.mark.usefixtures("nobody_waits")
async def test_one_without_a_ticket_is_not_there_at_once(stage):
    assert await stage.finder.named(BUCKET, fresh("unknown").public_id) is None
    with pytest.raises(NotFound):
        await stage.finder.get(nameless(0).asset_id)


async def test_who_has_no_time_gets_the_answer_of_now(stage):
    asset = fresh("expected")
    await stage.lookup.expect([asset.asset_id], 900)
    assert await stage.finder.named(BUCKET, asset.public_id, wait=0) is None
    assert await stage.finder.many([asset.asset_id], wait=0) == {}


@pytest.mark.usefixtures("nobody_waits")
async def test_one_that_came_and_was_deleted_is_expected_no_more(stage):
    asset = fresh("deleted", now_ms() + 1000)
    await stage.lookup.expect([asset.asset_id], 900)
    await comes(stage, asset)
    await goes(stage, asset)
    assert await stage.finder.named(BUCKET, asset.public_id) is None


async def test_one_that_is_uploaded_again_is_expected_though_news_of_its_delete_comes_after_the_ticket(stage):
    old = fresh("again", 1000, "old")
    new = record(old.public_id, now_ms() + 1000, "new")
    await comes(stage, old)
    stage.departed.add(buried(old, 1500).tombstone, DeletedView(old.asset_id, "", "eu-1"))
    await stage.invalidate([old.asset_id])  # the delete's own word to the caches
    await stage.lookup.expect([old.asset_id], 900)
    task = await asked(stage, stage.finder.named(BUCKET, old.public_id))  # the catalog has the old one still
    await goes(stage, old)
    assert await expected(stage, old)
    await comes(stage, new)
    assert (await asyncio.wait_for(task, PATIENCE)).record == new
    assert not await expected(stage, new)


async def test_the_old_one_in_memory_hides_no_word_of_the_new_one(stage):
    """The ticket's own question for the name has put it there: the catalog lags behind the delete."""
    old = fresh("again", 1000, "old")
    new = record(old.public_id, now_ms() + 1000, "new")
    await comes(stage, old)
    stage.departed.add(buried(old, 1500).tombstone, DeletedView(old.asset_id, "", "eu-1"))
    await stage.invalidate([old.asset_id])
    assert await stage.finder.named(BUCKET, old.public_id, wait=0) is None
    assert stage.lookup.cached(old.asset_id).record == old
    await stage.lookup.expect([old.asset_id], 900)
    task = await asked(stage, stage.finder.named(BUCKET, old.public_id))
    await comes(stage, new)
    assert (await asyncio.wait_for(task, PATIENCE)).record == new


async def test_one_slow_answer_of_redis_costs_no_upload_its_word(stage):
    asset = fresh("slow")
    await stage.redis_pauses(redis_cache.READ_SECONDS)
    await stage.lookup.expect([asset.asset_id], 900)
    await stage.redis_pauses(redis_cache.READ_SECONDS)
    assert await expected(stage, asset)


async def test_a_redis_that_is_always_slow_is_done_without(stage):
    for _ in range(TIMEOUTS_IN_A_ROW + 1):
        await stage.redis_pauses(redis_cache.READ_SECONDS)
        await stage.redis.get([new_id()])
    assert not stage.redis.up


async def test_a_redis_that_comes_back_is_used_however_many_ask_meanwhile(stage):
    stage.redis.lose()

    async def ask_on() -> None:
        while not stage.redis.up:
            await stage.redis.get([new_id()])
            await asyncio.sleep(0)

    await asyncio.wait_for(ask_on(), PATIENCE)


async def test_the_word_bars_an_old_value_as_a_mark_does(stage):
    old = fresh("barred", 1000, "old")
    await stage.catalog.apply([stored(old, 1000)])
    lease, loaded = stage.redis.lease(), await stage.catalog.assets([old.asset_id])
    await stage.invalidate([old.asset_id])
    await stage.lookup.expect([old.asset_id], 900)
    await stage.redis.put(lease, loaded)
    kept = await stage.redis.get([old.asset_id])
    assert (kept.assets, kept.expected.keys()) == ({}, {old.asset_id})


async def test_a_late_record_of_what_was_deleted_is_no_arrival(stage):
    old = fresh("late record", 1000, "old")
    await comes(stage, old)
    await goes(stage, old)
    await stage.lookup.expect([old.asset_id], 900)
    await comes(stage, old)  # delivered once more
    assert await expected(stage, old)


async def test_an_earlier_upload_that_is_indexed_late_is_no_arrival_of_a_later_one(stage):
    """First upload, delete, ticket; then the news of the first upload, before that of the delete."""
    first = fresh("indexed late", now_ms() - 100, "first")
    await stage.lookup.expect([first.asset_id], 900)
    await comes(stage, first)
    assert await expected(stage, first)
    await comes(stage, record(first.public_id, now_ms() + 100, "second"))
    assert not await expected(stage, first)


async def test_who_asks_after_a_ticket_shares_no_look_from_before_it(stage):
    asset = fresh("before the ticket")
    stage.catalog.hold()
    early = asyncio.create_task(stage.finder.named(BUCKET, asset.public_id))
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    await stage.lookup.expect([asset.asset_id], 900)
    late = asyncio.create_task(stage.finder.named(BUCKET, asset.public_id))
    await asyncio.sleep(0)
    stage.catalog.release()
    assert await early is None
    await comes(stage, asset)
    assert (await asyncio.wait_for(late, PATIENCE)).record == asset


async def test_a_word_that_ends_soon_does_not_stand_for_a_mark(stage):
    asset = fresh("ends soon")
    await stage.lookup.expect([asset.asset_id], redis_cache.MARK_SECONDS)
    await stage.invalidate([asset.asset_id], {})
    assert not await expected(stage, asset)
    await stage.lookup.expect([asset.asset_id], redis_cache.MARK_SECONDS + 5)
    await stage.invalidate([asset.asset_id], {})
    assert await expected(stage, asset)


async def test_a_new_ticket_prolongs_the_word_of_the_last(stage):
    asset = fresh("twice")
    await stage.lookup.expect([asset.asset_id], 1)
    first = (await stage.redis.get([asset.asset_id])).expected
    await stage.lookup.expect([asset.asset_id], 900)
    assert (await stage.redis.get([asset.asset_id])).expected != first


async def test_what_the_catalog_has_is_expected_only_where_it_was_said_to_be_gone(stage):
    asset = fresh("known")
    await stage.lookup.expect([asset.asset_id], 900, known=True)
    assert not await expected(stage, asset)
    await stage.invalidate([asset.asset_id])  # deleted at another service
    await stage.lookup.expect([asset.asset_id], 900, known=True)
    assert await expected(stage, asset)


async def test_a_ticket_for_a_name_that_is_taken_leaves_what_is_kept_of_it(stage):
    asset = fresh("taken")
    await stage.catalog.apply([stored(asset, 1000)])
    await stage.asset(asset.asset_id)
    await stage.settle()
    await stage.lookup.expect([asset.asset_id], 900)
    assert asset.asset_id in (await stage.redis.get([asset.asset_id])).assets


async def test_an_expectation_ends_with_its_time(stage):
    asset = fresh("late")
    await stage.lookup.expect([asset.asset_id], 1)
    while await expected(stage, asset):  # noqa: ASYNC110 - asking does not prolong it
        await asyncio.sleep(0.05)


async def test_without_redis_an_id_of_the_last_moments_is_waited_for_and_no_other(without_redis, monkeypatch):
    stage, young = without_redis, nameless(1000)
    task = await asked(stage, stage.finder.get(young.asset_id))
    await comes(stage, young)
    assert (await asyncio.wait_for(task, PATIENCE)).record == young
    monkeypatch.setattr(stage.arrivals, "wait", None)
    future = nameless(-60_000)
    for other in (nameless(60_000), future, fresh("named")):
        assert await stage.finder.many([other.asset_id]) == {}


async def test_without_redis_an_id_that_was_deleted_here_is_not_waited_for(without_redis, monkeypatch):
    stage, young = without_redis, nameless(1000)
    stage.departed.add(buried(young, 1500).tombstone, DeletedView(young.asset_id, "", "eu-1"))
    monkeypatch.setattr(stage.arrivals, "wait", None)
    assert await stage.finder.many([young.asset_id]) == {}


async def test_a_question_that_redis_did_not_answer_is_one_without_redis(stage, monkeypatch):
    young, get = nameless(1000), stage.redis.get
    await stage.lookup.expect([young.asset_id], 900)
    silent = iter([Kept()])

    async def get_later(asset_ids):
        return next(silent, None) or await get(asset_ids)

    monkeypatch.setattr(stage.redis, "get", get_later)
    task = await asked(stage, stage.finder.get(young.asset_id))
    await comes(stage, young)
    assert (await asyncio.wait_for(task, PATIENCE)).record == young
