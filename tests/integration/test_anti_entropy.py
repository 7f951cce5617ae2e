"""Anti-entropy with stand-in nodes: no stream says anything, and the own node becomes whole all the same."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from cut_proxy import CutProxy
from replicator_stage import new_asset, open_stage, until
from standin_node import fails_with, nobody_has, slow

from atoll.cancelling import cancel_and_wait
from atoll.errors import Conflict, NoSpace
from atoll.ids import new_id, now_ms
from atoll.model import Node, Tombstone

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000


@pytest.fixture
async def stage(engines, tmp_path):
    async with open_stage(engines.urls.nats, tmp_path) as stage:
        yield stage


def old_assets(stage, count, size=1000):
    """Uploads of an hour ago, by version."""
    assets = [new_asset(stage.set, size, now_ms() - HOUR_MS) for _ in range(count)]
    return {asset.version: asset for asset in assets}


def tombstone_of(asset, at=None):
    version = new_id(at)
    return Tombstone(asset.asset_id, asset.bucket, asset.public_id, asset.set, version, now_ms())


def of_peer(status, node):
    """How the node stands to a peer; nothing known yet is a row of nothing."""
    nothing = {"complete_at": None, "trouble": None, "missing": None, "fresh": 0}
    return next((peer for peer in status["repair"] if peer["node"] == node.name), nothing)


@asynccontextmanager
async def load_of(stage, load):
    """The own node says ten times a second how busy it is."""

    async def beat():
        while True:
            await stage.beat(stage.node.name, stage.here, load)
            await asyncio.sleep(0.1)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        await cancel_and_wait([beating])


async def test_what_the_nearest_peer_has_is_pulled_from_it_with_no_event_at_all(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 60)
    near.page_items = 2
    running = stage.start()
    await until(lambda: stage.node.stored == near.stored, "all of it")
    assert stage.node.stored_twice == []
    assert {order.sources for order in stage.node.orders} == {(stage.near_node, stage.far_node)}
    await running.shows("complete", lambda s: of_peer(s, near)["complete_at"])
    assert await running.metric('atoll_replicator_repair_mended_total{result="stored"}') == 60


async def test_a_fresh_node_is_filled_from_the_nearest_and_what_only_the_far_one_has_from_there(stage):
    near, far = await stage.raise_peer(stage.near), await stage.raise_peer(stage.far)
    near.stored = old_assets(stage, 30)
    far.stored = near.stored | old_assets(stage, 3)
    stage.start()
    await until(lambda: stage.node.stored == far.stored, "all of it")
    first = [order.sources[0] for order in stage.node.orders]
    assert first == [stage.near_node] * 30 + [stage.far_node] * 3


async def test_equal_nodes_exchange_next_to_nothing_and_say_when_they_were_equal(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 200)
    stage.node.stored = dict(near.stored)
    running = stage.start()
    await until(lambda: near.questions.count("roots") >= 3, "three comparisons")
    assert set(near.questions) == {"roots"}
    assert stage.node.orders == []
    rounds = await running.metric('atoll_replicator_repair_comparisons_total{result="equal"}')
    assert await running.metric("atoll_replicator_repair_compared_bytes_total") < (rounds + 1) * 1000
    labels = f'{{peer="{near.name}",region="{stage.near.name}"}}'
    assert await running.metric(f"atoll_replicator_repair_lag_seconds{labels}") < 30
    assert await running.metric(f"atoll_replicator_repair_missing{labels}") == 0


async def test_a_peer_that_cannot_be_asked_is_unknown_not_equal(stage):
    near = await stage.raise_peer(stage.near)
    running = stage.start()
    await running.shows("complete", lambda s: of_peer(s, near)["complete_at"])
    status = await running.status()
    (far,) = [peer for peer in status["repair"] if peer["node"] == stage.far_node]
    assert far["complete_at"] is None
    assert far["missing"] is None
    assert "cannot be reached" in far["trouble"]
    metrics = (await running.get("/metrics")).decode()
    labels = f'{{peer="{stage.far_node}",region="{stage.far.name}"}}'
    assert f"atoll_replicator_repair_lag_seconds{labels} NaN" in metrics


async def test_a_delete_that_the_node_slept_through_is_applied_and_one_the_peer_missed_does_not_undo_ours(
    stage,
):
    near = await stage.raise_peer(stage.near)
    both = old_assets(stage, 10)
    near.stored, stage.node.stored = dict(both), dict(both)
    slept, ours = list(both.values())[:2]
    near.bury(tombstone_of(slept))
    stage.node.bury(tombstone_of(ours))
    running = stage.start()
    await until(lambda: slept.asset_id in stage.node.tombstones, "the tombstone")
    await running.shows("complete", lambda s: of_peer(s, near)["complete_at"])
    assert {slept.version, ours.version}.isdisjoint(stage.node.stored)
    assert stage.node.orders == []


async def test_what_was_restored_after_its_delete_is_pulled(stage):
    near = await stage.raise_peer(stage.near)
    (asset,) = old_assets(stage, 1).values()
    near.bury(tombstone_of(asset, now_ms() - HOUR_MS // 2))
    restored = type(asset)(asset.asset_id, asset.public_id, new_id(), asset.set, asset.blob, now_ms())
    near.stored = {restored.version: restored}
    stage.start()
    await until(lambda: restored.version in stage.node.stored, "the restored version")
    await until(lambda: asset.asset_id in stage.node.tombstones, "the tombstone before it")
    assert restored.version in stage.node.stored


async def test_a_copy_that_was_lost_while_its_record_stayed_is_pulled_again(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 20)
    stage.node.stored = dict(near.stored)
    lost = [asset.blob.sha256 for asset in list(near.stored.values())[:3]]
    stage.node.lost = set(lost)
    running = stage.start()
    await until(lambda: not stage.node.lost, "the lost copies")
    assert sorted(order.asset.blob.sha256 for order in stage.node.orders) == sorted(lost)
    assert await running.metric('atoll_replicator_repair_found_total{kind="blob"}') == 3


async def test_a_fresh_upload_is_left_to_its_stream(stage):
    near = await stage.raise_peer(stage.near)
    fresh = new_asset(stage.set)
    near.stored = {fresh.version: fresh} | old_assets(stage, 1)
    running = stage.start(repair_grace_seconds=600.0)
    await running.shows("the fresh one is seen", lambda s: of_peer(s, near)["fresh"] == 1)
    assert [order.asset.version for order in stage.node.orders] == sorted(near.stored)[:1]
    assert of_peer(await running.status(), near)["complete_at"] is not None


async def test_an_upload_from_a_clock_that_is_a_day_ahead_is_pulled_at_once(stage):
    near = await stage.raise_peer(stage.near)
    early = new_asset(stage.set, at=now_ms() + 24 * HOUR_MS)
    near.stored = {early.version: early}
    stage.start(repair_grace_seconds=600.0)
    await until(lambda: early.version in stage.node.stored, "the upload from tomorrow")


async def test_what_no_source_can_give_is_noted_once_and_still_counts_as_missing(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 5)
    gone = next(iter(near.stored.values()))
    stage.node.pulling = nobody_has(gone)
    running = stage.start(wanted_seconds=3600.0)
    await until(lambda: len(stage.node.stored) == 4, "the others")
    several = len(near.questions) + 6
    await until(lambda: len(near.questions) > several, "more comparisons")
    assert [order.asset.version for order in stage.node.orders].count(gone.version) == 1
    assert stage.node.noted[gone.version].tries == 1
    await running.shows("it is missing", lambda s: of_peer(s, near)["missing"] == 1)
    assert of_peer(await running.status(), near)["complete_at"] is None


async def test_a_full_node_is_not_asked_again_and_again_in_one_comparison(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 100)
    stage.node.pulling = fails_with(NoSpace("The disk is full."))
    running = stage.start(repair_seconds=3600.0)
    await running.shows("no room", lambda s: "no room" in (of_peer(s, near)["trouble"] or ""))
    assert len(stage.node.orders) < 20
    assert stage.node.noted == {}


async def test_an_order_that_the_node_refuses_for_good_does_not_stop_the_others(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 5)
    bad = next(iter(near.stored))

    async def refuse(order):
        if order.asset.version == bad:
            raise Conflict("This node holds another set.")

    stage.node.pulling = refuse
    running = stage.start()
    await until(lambda: len(stage.node.stored) == 4, "the others")
    await running.shows("one is missing", lambda s: of_peer(s, near)["missing"] == 1)


async def test_an_upload_goes_before_all_that_repair_has_in_hand_and_finds_a_free_worker(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 50)
    released = asyncio.Event()

    async def hold(order):
        if order.asset.version in near.stored:
            await released.wait()

    stage.node.pulling = hold
    async with load_of(stage, 0.0):
        stage.start(parallel_pulls=1, repair_parallel=2, repair_parallel_most=4, repair_idle_load=0.5)
        await until(lambda: stage.node.under_way == 4, "repair takes all its places")
        upload = await stage.upload(stage.far)
        await until(lambda: upload.version in stage.node.stored, "the upload")
    released.set()
    await until(lambda: len(stage.node.stored) == 51, "the rest")


async def test_repair_steps_back_to_one_at_a_time_while_the_node_is_busy_and_never_stops(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 40)
    stage.node.pulling = slow(0.05)
    await stage.node.down()
    running = stage.start(repair_parallel=8)
    async with load_of(stage, 1.0):
        await running.shows("connected", lambda s: s["bus_connected"])
        await stage.node.up()
        await until(lambda: len(stage.node.stored) >= 1, "it begins")
        stage.node.pulling = slow(0.5)
        await until_metric(running, "atoll_replicator_repair_allowed", 1)
        had = len(stage.node.stored)
        await until(lambda: len(stage.node.stored) > had, "it goes on")
    stage.node.pulling = slow(0)
    await until(lambda: len(stage.node.stored) == 40, "all of it")


async def until_metric(running, name, value):
    """Wait until a metric has a value."""
    end = asyncio.get_running_loop().time() + 30
    while await running.metric(name) != value:
        assert asyncio.get_running_loop().time() < end, name
        await asyncio.sleep(0.02)


async def test_a_node_that_goes_away_in_the_middle_is_made_whole_when_it_is_back(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 120)
    stage.node.pulling = slow(0.02)
    running = stage.start()
    await until(lambda: len(stage.node.stored) > 10, "a beginning")
    await stage.node.down()
    await running.shows("paused", lambda s: s["state"] == "paused")
    await stage.node.up()
    await until(lambda: stage.node.stored == near.stored, "all of it")
    assert stage.node.stored_twice == []


async def test_a_peer_that_dies_in_the_middle_costs_only_time(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 600)
    stage.node.pulling = slow(0.005)
    running = stage.start()
    await until(lambda: len(stage.node.stored) > 10, "a beginning")
    await near.down()
    await running.shows("trouble", lambda s: of_peer(s, near)["trouble"])
    await near.up()
    await until(lambda: stage.node.stored == near.stored, "all of it")
    await running.shows("complete", lambda s: of_peer(s, near)["complete_at"])


async def test_a_restart_in_the_middle_goes_on_with_what_is_left(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 100)
    stage.node.pulling = slow(0.02)
    running = stage.start()
    await until(lambda: len(stage.node.stored) > 10, "a beginning")
    await running.crash()
    stage.start()
    await until(lambda: stage.node.stored == near.stored, "all of it")
    assert stage.node.stored_twice == []


async def test_the_replicator_of_a_removed_node_idles_and_says_so(stage):
    near = await stage.raise_peer(stage.near)
    running = stage.start()
    await running.shows("running", lambda s: s["state"] == "running")
    own = stage.own_entry
    await stage.map.put(Node(own.name, own.region, own.set, own.url, state="removed"))
    await running.shows("removed", lambda s: s["state"] == "removed" and not s["repair"])
    near.stored = old_assets(stage, 5)
    asked = len(near.questions)
    await stage.upload(stage.near)
    await running.shows("no stream is read", lambda s: s["backlog"] == {})
    assert len(near.questions) == asked
    assert stage.node.orders == []
    await stage.join()
    await until(lambda: len(stage.node.stored) == 6, "back in the cluster")


async def test_a_draining_node_is_still_a_source_and_its_own_replicator_goes_on(stage):
    near = await stage.raise_peer(stage.near)
    near.stored = old_assets(stage, 5)
    for entry in (stage.own_entry, stage.peers[stage.near.name]):
        await stage.map.put(Node(entry.name, entry.region, entry.set, entry.url, state="draining"))
    stage.start()
    await until(lambda: stage.node.stored == near.stored, "all of it")


async def test_without_nats_nodes_that_know_each_other_still_become_equal(fresh_nats, tmp_path):
    async with open_stage(fresh_nats.urls.nats, tmp_path) as stage:
        near = await stage.raise_peer(stage.near)
        running = stage.start()
        await running.shows("complete", lambda s: of_peer(s, near)["complete_at"])
        await asyncio.to_thread(fresh_nats.stop, "nats")
        await running.shows("no NATS", lambda s: not s["bus_connected"])
        near.stored = old_assets(stage, 30)
        await until(lambda: stage.node.stored == near.stored, "all of it")
        await asyncio.to_thread(fresh_nats.start, "nats")
        await until(lambda: stage.bus.connected, "NATS is back")


async def test_a_peer_that_accepts_and_stalls_does_not_hold_up_the_others(stage):
    near, far = await stage.raise_peer(stage.near), await stage.raise_peer(stage.far)
    far.stored = old_assets(stage, 10)
    async with CutProxy(near.port) as proxy:
        proxy.stall()
        entry = stage.peers[stage.near.name]
        await stage.map.put(Node(entry.name, entry.region, entry.set, f"http://127.0.0.1:{proxy.port}"))
        running = stage.start()
        await until(lambda: stage.node.stored == far.stored, "what the other has")
        await running.shows("trouble", lambda s: "no answer" in (of_peer(s, near)["trouble"] or ""))
        assert of_peer(await running.status(), near)["complete_at"] is None


async def test_a_comparison_that_finds_its_own_node_away_pauses_and_begins_when_it_is_back(stage):
    near = await stage.raise_peer(stage.near)
    running = stage.start()
    await running.shows("complete", lambda s: of_peer(s, near)["complete_at"])
    await stage.node.down()
    await running.shows("paused, though nothing was ordered", lambda s: s["state"] == "paused")
    near.stored = old_assets(stage, 3)
    await stage.node.up()
    await until(lambda: stage.node.stored == near.stored, "what came meanwhile")
