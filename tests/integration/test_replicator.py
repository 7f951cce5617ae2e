"""The replicator on real NATS, with a stand-in node: what it pulls, in which order, from whom."""

from __future__ import annotations

import asyncio

import pytest
from replicator_stage import open_stage, until
from standin_node import nobody_has, slow

from atoll.errors import BadRequest, NoSpace, Overloaded, UpstreamFailed
from atoll.ids import now_ms

pytestmark = pytest.mark.integration


@pytest.fixture
async def stage(engines, tmp_path):
    async with open_stage(engines.urls.nats, tmp_path) as stage:
        yield stage


class Hold:
    """Pulls wait until `release`."""

    def __init__(self):
        self.released = asyncio.Event()

    async def __call__(self, order):
        await self.released.wait()


async def test_uploads_of_other_regions_are_pulled_and_own_ones_are_not_even_read(stage):
    own = await stage.upload(stage.here)
    others = [await stage.upload(stage.near), await stage.upload(stage.far)]
    running = stage.start()
    await until(lambda: len(stage.node.stored) == 2, "both pulls")
    others.append(await stage.upload(stage.near))
    await stage.all_answered()
    assert set(stage.node.stored) == {asset.version for asset in others}
    assert own.version not in stage.node.stored
    assert await stage.pending(stage.here) == (-1, -1)
    assert (await running.status())["state"] == "running"


async def test_pulls_are_parallel_but_never_more_than_allowed_and_each_upload_is_stored_once(stage):
    stage.node.pulling = slow(0.005)
    uploads = [await stage.upload(stage.near if n % 2 else stage.far) for n in range(500)]
    stage.start(parallel_pulls=8)
    await stage.all_answered()
    assert set(stage.node.stored) == {asset.version for asset in uploads}
    assert stage.node.most_under_way == 8
    assert len(stage.node.orders) == 500
    assert stage.node.stored_twice == []


async def test_the_newest_minute_is_pulled_first_and_in_it_the_smallest(stage):
    stage.node.pulling = hold = Hold()
    running = stage.start(parallel_pulls=1)
    minute = now_ms() - now_ms() % 60_000
    first = await stage.upload(stage.near)
    await until(lambda: stage.node.under_way == 1, "the first pull")
    old_small = await stage.upload(stage.near, 10, minute - 600_000)
    new_large = await stage.upload(stage.far, 3000, minute - 60_000)
    new_small = await stage.upload(stage.near, 20, minute - 60_000)
    old_large = await stage.upload(stage.far, 9000, minute - 600_000)
    doomed = await stage.upload(stage.far, 9000, minute - 900_000)
    await stage.delete(stage.far, doomed)
    await running.shows("7 held", lambda s: s["held"] == 7)
    hold.released.set()
    await stage.all_answered()
    pulled = [order.asset.version for order in stage.node.orders]
    assert pulled == [a.version for a in (first, new_small, new_large, old_small, old_large, doomed)]
    assert doomed.version not in stage.node.stored  # its tombstone went first


async def test_the_window_bounds_what_is_held_of_each_region_and_one_region_does_not_starve_another(stage):
    stage.node.pulling = hold = Hold()
    running = stage.start(window=8, parallel_pulls=2)
    for _ in range(40):
        await stage.upload(stage.near, at=now_ms() - 600_000)
    await running.shows("8 held", lambda s: s["held"] == 8)
    fresh = await stage.upload(stage.far)
    await running.shows("9 held", lambda s: s["held"] == 9)
    hold.released.set()
    await stage.all_answered()
    assert fresh.version in [order.asset.version for order in stage.node.orders[:4]]
    assert len(stage.node.stored) == 41


async def test_a_fresh_upload_is_pulled_from_its_origin_an_older_one_from_the_nearest(stage):
    fresh_of_far = await stage.upload(stage.far, at=now_ms() + 5_000)
    old_of_far = await stage.upload(stage.far, at=now_ms() - 60_000)
    stage.start()
    await stage.all_answered()
    sources = {order.asset.version: order.sources for order in stage.node.orders}
    assert sources[fresh_of_far.version] == (stage.far_node, stage.near_node)
    assert sources[old_of_far.version] == (stage.near_node, stage.far_node)


async def test_a_tombstone_is_applied_and_an_upload_that_comes_after_it_stays_deleted(stage):
    running = stage.start()
    asset = await stage.upload(stage.near)
    await until(lambda: asset.version in stage.node.stored, "the pull")
    await stage.delete(stage.near, asset)
    await until(lambda: asset.asset_id in stage.node.tombstones, "the tombstone")
    assert stage.node.stored == {}
    late = await stage.upload(stage.far)
    await stage.all_answered()
    await stage.delete(stage.near, late)
    await stage.all_answered()
    assert stage.node.stored == {}
    assert await running.metric('atoll_replicator_tombstones_total{result="applied"}') == 2


async def test_a_node_that_is_down_pauses_everything_and_loses_nothing(stage):
    running = stage.start()
    await stage.upload(stage.near)
    await stage.all_answered()
    await stage.node.down()
    for _ in range(20):
        await stage.upload(stage.near)
    await running.shows("paused", lambda s: s["state"] == "paused")
    assert "cannot be reached" in (await running.status())["paused_reason"]
    for _ in range(20):
        await stage.upload(stage.far)
    await stage.node.up()
    await stage.all_answered()
    assert len(stage.node.stored) == 41
    assert stage.node.noted == {}
    assert await running.metric('atoll_replicator_pulls_total{result="retried"}') == 0


async def test_started_while_its_node_is_down_it_does_not_call_that_caught_up(stage):
    await stage.node.down()
    asset = await stage.upload(stage.near)
    running = stage.start()
    await running.shows("paused", lambda s: s["state"] == "paused" and s["backlog"])
    assert set((await running.status())["backlog"].values()) == {None}
    await stage.node.up()
    await until(lambda: asset.version in stage.node.stored, "the pull")


async def test_a_node_that_is_overloaded_costs_no_message_a_try(stage):
    refusals = iter(range(4))

    async def overloaded(order):
        if next(refusals, None) is not None:
            raise Overloaded("Too many pulls.")

    stage.node.pulling = overloaded
    running = stage.start(retries=0, parallel_pulls=2)
    asset = await stage.upload(stage.near)
    await stage.all_answered()
    assert asset.version in stage.node.stored
    assert stage.node.noted == {}
    assert await running.metric('atoll_replicator_pulls_total{result="stored"}') == 1


async def test_a_blob_that_no_source_has_is_retried_then_wanted_and_blocks_nobody(stage):
    running = stage.start(retries=2, parallel_pulls=1, wanted_seconds=3600.0)
    lost = await stage.upload(stage.near)
    stage.node.pulling = nobody_has(lost)
    others = [await stage.upload(stage.near) for _ in range(10)]
    await stage.all_answered()
    assert set(stage.node.stored) == {asset.version for asset in others}
    assert [item.reason for item in stage.node.noted.values()] == ["No source had the bytes."]
    tries = [order for order in stage.node.orders if order.asset.version == lost.version]
    assert len(tries) == 3
    assert await running.metric('atoll_replicator_pulls_total{result="wanted"}') == 1


async def test_a_wanted_blob_is_ordered_again_when_due_until_a_source_has_it(stage):
    lost = await stage.upload(stage.near)
    stage.node.pulling = nobody_has(lost)
    running = stage.start(retries=0)
    await until(
        lambda: lost.version in stage.node.noted and stage.node.noted[lost.version].tries > 1, "a retry"
    )
    stage.node.pulling = slow(0)
    await until(lambda: lost.version in stage.node.stored, "the wanted blob")
    await until(lambda: stage.node.noted == {}, "the note's end")
    await stage.all_answered()
    assert await running.metric('atoll_replicator_wanted_retries_total{result="stored"}') == 1


async def test_when_a_peer_comes_back_wanted_blobs_are_ordered_at_once_due_or_not(stage):
    stage.node.first_due_ms = 500_000
    lost = [await stage.upload(stage.far) for _ in range(20)]
    stage.node.pulling = nobody_has(*lost)
    stage.start(retries=0, wanted_seconds=3600.0, wanted_batch=4)
    await until(lambda: len(stage.node.noted) == 20, "the notes")
    stage.node.pulling = slow(0)
    await stage.beat(stage.far_node, stage.far)
    await until(lambda: len(stage.node.stored) == 20, "the wanted blobs")


async def test_a_full_node_notes_what_it_cannot_take_and_still_applies_tombstones(stage):
    async def full(order):
        raise NoSpace("The disk is full.")

    asset = await stage.upload(stage.near)
    stage.node.pulling = full
    stage.start(wanted_seconds=3600.0)
    await until(lambda: asset.version in stage.node.noted, "the note")
    await stage.delete(stage.near, asset)
    await stage.all_answered()
    assert asset.asset_id in stage.node.tombstones


async def test_when_even_the_note_fails_the_message_stays_in_the_stream(stage):
    refusals = iter(range(3))

    async def refuse(order):
        if next(refusals, None) is not None:
            raise UpstreamFailed("The index is ill.")

    stage.node.wanting = refuse
    asset = await stage.upload(stage.near)
    stage.node.pulling = nobody_has(asset)
    stage.start(retries=0, wanted_seconds=3600.0)
    await stage.all_answered()
    assert asset.version in stage.node.noted
    assert next(refusals, None) is None


async def test_an_order_that_the_node_rejects_for_good_is_parked(stage):
    bad = await stage.upload(stage.near)

    async def reject(order):
        if order.asset.version == bad.version:
            raise BadRequest("This order makes no sense.")

    stage.node.pulling = reject
    running = stage.start()
    good = await stage.upload(stage.near)
    await stage.all_answered()
    assert set(stage.node.stored) == {good.version}
    (parked,) = await stage.parked()
    assert parked["Atoll-Parked-Reason"] == "400 This order makes no sense."
    assert (await running.status())["parked"] == 1


async def test_it_waits_for_its_node_to_join_and_follows_the_map(stage):
    await stage.map.remove(stage.own_entry)
    running = stage.start()
    await running.shows("waiting", lambda s: s["state"] == "waiting")
    asset = await stage.upload(stage.near)
    await stage.join()
    await until(lambda: asset.version in stage.node.stored, "the pull after joining")
    assert set((await running.status())["backlog"]) == {stage.near.name, stage.far.name}
    await stage.map.remove(stage.peers[stage.far.name])
    await running.shows("one region", lambda s: set(s["backlog"]) == {stage.near.name})
    await stage.map.put(stage.peers[stage.far.name])
    await running.shows("two regions", lambda s: len(s["backlog"]) == 2)
    late = await stage.upload(stage.far)
    await until(lambda: late.version in stage.node.stored, "the pull of the region that came back")


async def test_health_and_metrics_tell_backlog_lag_and_bytes(stage):
    stage.node.pulling = hold = Hold()
    running = stage.start(window=4)
    for _ in range(30):
        await stage.upload(stage.near, size=1000)
    await running.shows("the backlog", lambda s: s["backlog"].get(stage.near.name) == 30)
    assert await running.metric("atoll_replicator_in_flight") == 4
    hold.released.set()
    await stage.all_answered()
    await running.shows("no backlog", lambda s: s["backlog"][stage.near.name] == 0)
    near = f'{{region="{stage.near.name}"}}'
    assert await running.metric(f"atoll_replicator_backlog{near}") == 0
    assert await running.metric("atoll_replicator_pulled_bytes_total") == 30_000
    assert await running.metric(f"atoll_replicator_lag_seconds_count{near}") == 30
    assert await running.metric("atoll_replicator_pull_seconds_count") == 30
    assert await running.metric("atoll_replicator_held") == 0
