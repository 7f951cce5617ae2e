"""An asset asked for between its upload's answer and its entry in the catalog: waited for, within bounds."""

from __future__ import annotations

import asyncio
import time

import pytest
from lookup_stage import PATIENCE, lookup_stage
from sample_events import BUCKET, record, stored

from atoll.ids import new_id, now_ms

pytestmark = pytest.mark.integration


@pytest.fixture
async def stage(engines, mongo_database):
    async with lookup_stage(engines.urls.mongodb, mongo_database, engines.urls.redis) as stage:
        await stage.catalog.ensure_indexes()
        yield stage


def fresh(name: str):
    """A record of an asset that no other run has put into the shared Redis."""
    return record(f"{name}-{new_id()}", 1000)


def nameless(age_ms: int):
    own_id = new_id(now_ms() - age_ms)
    return record(own_id, 1000, asset_id=own_id)


async def looked(stage) -> None:
    """Return once the catalog has answered that it has no such asset."""
    await asyncio.wait_for(stage.catalog.answered.wait(), PATIENCE)
    await asyncio.sleep(0)


async def comes(stage, asset) -> None:
    await stage.catalog.apply([stored(asset, 1000)])
    await stage.invalidate([asset.asset_id])


@pytest.mark.parametrize("by", ["id", "name", "many"])
async def test_one_that_has_a_ticket_is_waited_for(stage, by):
    asset = fresh("expected")
    await stage.lookup.expect([asset.asset_id], 900)
    asked = asyncio.create_task(
        {
            "id": lambda: stage.lookup.asset(asset.asset_id),
            "name": lambda: stage.lookup.by_name(BUCKET, asset.public_id),
            "many": lambda: stage.lookup.many([asset.asset_id]),
        }[by]()
    )
    await looked(stage)
    assert not asked.done()
    await comes(stage, asset)
    found = await asyncio.wait_for(asked, PATIENCE)
    assert (found[asset.asset_id] if by == "many" else found).record == asset
    assert stage.catalog.reads <= 3  # nothing is polled


async def test_one_without_a_ticket_is_not_there_at_once(stage, monkeypatch):
    monkeypatch.setattr(stage.arrivals, "wait", None)
    assert await stage.lookup.asset(fresh("unknown").asset_id) is None
    assert await stage.lookup.asset(nameless(0).asset_id) is None


async def test_who_is_not_patient_gets_the_answer_of_now(stage, monkeypatch):
    monkeypatch.setattr(stage.arrivals, "wait", None)
    asset = fresh("expected")
    await stage.lookup.expect([asset.asset_id], 900)
    assert await stage.lookup.asset(asset.asset_id, patient=False) is None
    assert await stage.lookup.by_name(BUCKET, asset.public_id, patient=False) is None


async def test_one_that_came_and_was_deleted_is_expected_no_more(stage, monkeypatch):
    asset = fresh("deleted")
    await stage.lookup.expect([asset.asset_id], 900)
    await stage.invalidate([asset.asset_id])
    monkeypatch.setattr(stage.arrivals, "wait", None)
    assert await stage.lookup.asset(asset.asset_id) is None


async def test_one_that_was_deleted_a_moment_ago_is_expected_again_with_a_new_ticket(stage):
    asset = fresh("again")
    await stage.invalidate([asset.asset_id])
    await stage.lookup.expect([asset.asset_id], 900)
    assert (await stage.redis.get([asset.asset_id])).expected == [asset.asset_id]


async def test_a_ticket_for_a_name_that_is_taken_leaves_what_is_kept_of_it(stage):
    asset = fresh("taken")
    await stage.catalog.apply([stored(asset, 1000)])
    await stage.lookup.asset(asset.asset_id)
    await stage.settle()
    await stage.lookup.expect([asset.asset_id], 900)
    assert asset.asset_id in (await stage.redis.get([asset.asset_id])).assets


async def test_an_expectation_ends_with_the_ticket(stage, engines):
    asset = fresh("late")
    await stage.lookup.expect([asset.asset_id], 1)
    while (await stage.redis.get([asset.asset_id])).expected:  # noqa: ASYNC110 - asking does not prolong it
        await asyncio.sleep(0.05)


async def test_what_does_not_come_is_given_up_after_a_last_look(engines, mongo_database):
    urls = engines.urls
    async with lookup_stage(urls.mongodb, mongo_database, urls.redis, arrival_seconds=0.2) as stage:
        lost, asset = fresh("lost news"), fresh("never")
        await stage.lookup.expect([asset.asset_id, lost.asset_id], 900)
        began = time.monotonic()
        asked = asyncio.create_task(stage.lookup.asset(lost.asset_id))
        await looked(stage)
        await stage.catalog.apply([stored(lost, 1000)])  # and nobody is told
        assert (await asked).record == lost
        assert await stage.lookup.asset(asset.asset_id) is None
        assert time.monotonic() - began >= 0.4


async def test_more_than_may_wait_are_answered_at_once(stage):
    assets = [fresh(f"crowd {n}") for n in range(3)]
    await stage.lookup.expect([asset.asset_id for asset in assets], 900)
    waiting = [asyncio.create_task(stage.lookup.asset(asset.asset_id)) for asset in assets[:2]]
    while stage.arrivals.waiting < 2:  # noqa: ASYNC110 - nobody else needs to know
        await asyncio.sleep(0.01)
    assert await stage.lookup.asset(assets[2].asset_id) is None
    for asset in assets:
        await comes(stage, asset)
    assert [(await task).record for task in waiting] == assets[:2]
    assert stage.arrivals.waiting == 0


async def test_waiting_can_be_switched_off(engines, mongo_database):
    urls = engines.urls
    async with lookup_stage(urls.mongodb, mongo_database, urls.redis, arrival_seconds=0) as stage:
        asset = fresh("off")
        await stage.lookup.expect([asset.asset_id], 900)
        assert await stage.lookup.asset(asset.asset_id) is None
        assert stage.catalog.reads == 1


async def test_without_redis_an_id_of_the_last_moments_is_waited_for_and_no_other(stage, monkeypatch):
    stage.redis.lose()
    young, old = nameless(1000), nameless(60_000)
    asked = asyncio.create_task(stage.lookup.asset(young.asset_id))
    await looked(stage)
    await stage.catalog.apply([stored(young, 1000)])
    stage.lookup.forget([young.asset_id])
    assert (await asyncio.wait_for(asked, PATIENCE)).record == young
    monkeypatch.setattr(stage.arrivals, "wait", None)
    assert await stage.lookup.asset(old.asset_id) is None
    assert await stage.lookup.asset(fresh("named").asset_id) is None
