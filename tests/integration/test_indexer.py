"""The indexer on real NATS and MongoDB: what nodes publish is in the catalog, whatever breaks in between."""

from __future__ import annotations

import asyncio
import contextlib
import time

import nats.js.errors
import pytest
from indexer_stage import (
    KEYS,
    REGIONS,
    backlog,
    connected_bus,
    indexer_stage,
    make_streams,
    parked,
    publish,
    until,
)
from sample_events import BUCKET, buried, left, record, replicated, stored

import query_service.indexer
from atoll.backoff import Backoff
from atoll.events import gathered, seal_event, subject_of
from atoll.ids import now_ms
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable
from query_service.circuit import Circuit
from query_service.indexer_turn import LEASE, IndexerTurn
from query_service.lease import UpkeepNotes

pytestmark = pytest.mark.integration


@pytest.fixture
async def bus(fresh_nats, tmp_path):
    async with connected_bus(fresh_nats.urls.nats, tmp_path, "node-1") as bus:
        await make_streams(bus)
        yield bus


async def drained(bus) -> bool:
    return await backlog(bus) == 0


async def test_events_of_all_regions_end_in_the_catalog_and_the_caches_hear_of_them(engines, tmp_path, bus):
    tom, tim = record("tom", 1000), record("tim", 1000)
    async with indexer_stage(engines, tmp_path, bus) as stage:
        for event in (
            replicated(tom, 1200, "us-1"),
            stored(tom, 1000, "eu-1"),
            stored(tim, 1000, "ap-1"),
            left(tom, 1300, "us-1"),
            buried(tim, 1400, "ap-1"),
        ):
            await publish(bus, event)
        await until(lambda: stage.indexed == 5)
        found = await stage.catalog.page(BUCKET)
        assert [a.record for a in found.assets] == [tom]
        assert [place.node for place in found.assets[0].locations] == ["eu-1"]
        assert set().union(*stage.announced) == {tom.asset_id, tim.asset_id}
        assert tom.asset_id in stage.came
        assert stage.count("atoll_indexer_lag_seconds_count") == 5
    assert await drained(bus)


async def test_events_that_came_before_the_first_start_are_indexed(engines, tmp_path, bus):
    assets = [record(f"a{i}", 1000) for i in range(30)]
    for asset in assets:
        await publish(bus, stored(asset, 1000))
    async with indexer_stage(engines, tmp_path, bus) as stage:
        await until(lambda: stage.indexed == len(assets))
        assert len((await stage.catalog.page(BUCKET)).assets) == len(assets)


async def test_what_a_full_batch_leaves_waits_for_no_rest(engines, tmp_path, bus, monkeypatch):
    monkeypatch.setattr(query_service.indexer, "MAX_BATCH", 1)
    monkeypatch.setattr(query_service.indexer, "LEAST_REST_SECONDS", 3600)
    monkeypatch.setattr(query_service.indexer, "MOST_REST_SECONDS", 3600)
    for name in ("one", "two", "three"):
        await publish(bus, stored(record(name, 1000), 1000))
    async with indexer_stage(engines, tmp_path, bus) as stage:
        await until(lambda: stage.indexed == 3)


@pytest.mark.parametrize(("took", "rest"), [(0, 0.05), (0.01, 0.2), (0.04, 0.8), (5, 1)])
def test_after_a_write_comes_a_rest_in_proportion_within_bounds(took, rest):
    assert query_service.indexer.rest_after(took) == pytest.approx(rest)


async def test_with_mongodb_away_nothing_is_lost_and_the_catalog_catches_up(fresh_engines, tmp_path, bus):
    before, during = record("before", 1000), [record(f"during{i}", 1000) for i in range(20)]
    async with indexer_stage(fresh_engines, tmp_path, bus) as stage:
        await publish(bus, stored(before, 1000))
        await until(lambda: stage.indexed == 1)
        await asyncio.to_thread(fresh_engines.kill, "mongodb", restart=False)
        for asset in during:
            await publish(bus, stored(asset, 1000))
        await asyncio.to_thread(fresh_engines.start, "mongodb")
        await until(lambda: stage.indexed >= 21)
        assert len((await stage.catalog.page(BUCKET)).assets) == 21
        assert stage.count("atoll_indexer_parked_total") == 0


async def test_an_indexer_that_stops_without_mongodb_gives_back_what_it_holds(fresh_engines, tmp_path, bus):
    asset = record("given back", 1000)
    await asyncio.to_thread(fresh_engines.kill, "mongodb", restart=False)
    async with indexer_stage(fresh_engines, tmp_path, bus):
        await publish(bus, stored(asset, 1000))
        await until(lambda: _in_hand(bus))
    await asyncio.to_thread(fresh_engines.start, "mongodb")
    async with indexer_stage(fresh_engines, tmp_path, bus, name="query-2") as stage:
        await until(lambda: stage.indexed == 1)  # long before the ack wait of the first has passed


async def _in_hand(bus) -> bool:
    try:
        info = await bus.jetstream().consumer_info("ATOLL_EU", "indexer")
    except nats.js.errors.NotFoundError:  # the indexer has not made it yet
        return False
    return info.num_ack_pending == 1


async def test_what_is_no_event_of_ours_is_parked_and_the_rest_goes_on(engines, tmp_path, bus):
    asset = record("tom", 1000)
    body, headers = seal_event(stored(asset, 1000), KEYS)
    subject = subject_of(stored(asset, 1000))
    unsigned = {k: v for k, v in headers.items() if k not in {"Atoll-Signature", "Nats-Msg-Id"}}
    poison = [
        (subject, b"not json", {}),
        (subject, body, unsigned),
        (subject, b"x" * 70_000, unsigned),
        ("atoll.us.blob.stored.s1", body, headers),  # replayed in another region
    ]
    async with indexer_stage(engines, tmp_path, bus) as stage:
        for where, bad, its in poison:
            await bus.publish_kept(where, bad, {**its, "Nats-Msg-Id": str(len(bad)) + where})
        await publish(bus, stored(asset, 1000))
        await until(lambda: stage.indexed == 1 and stage.count("atoll_indexer_parked_total") == len(poison))
        await until(lambda: drained(bus))
    put_aside = await parked(bus)
    assert sorted(body[:8] for body, _ in put_aside) == sorted(bad[:8] for _, bad, _ in poison)
    for _, said in put_aside:
        assert said["Atoll-Parked-Stream"] in {"ATOLL_EU", "ATOLL_US"}
        assert said["Atoll-Parked-Subject"].startswith("atoll.")
        assert said["Atoll-Parked-Seq"].isdigit()
        assert 0 < len(said["Atoll-Parked-Reason"]) <= 200


async def test_an_event_the_catalog_refuses_is_parked_alone(engines, tmp_path, bus):
    good = [record(f"good{i}", 1000) for i in range(10)]
    huge = record("huge", 1000, size=2**70)
    for asset in [*good[:5], huge, *good[5:]]:
        await publish(bus, stored(asset, 1000))
    async with indexer_stage(engines, tmp_path, bus) as stage:
        await until(lambda: stage.indexed == 10 and stage.count("atoll_indexer_parked_total") == 1)
        assert len((await stage.catalog.page(BUCKET)).assets) == 10
        await until(lambda: drained(bus))
    [(body, said)] = await parked(bus)
    assert b"huge" in body
    assert "the catalog refuses it" in said["Atoll-Parked-Reason"]


class ChokingCatalog(Catalog):
    """The real catalog, on a server that fails for any batch with one certain asset in it."""

    choke_on = ""

    async def apply(self, events):
        if any(getattr(event, "asset", None) and event.asset.public_id == self.choke_on for event in events):
            raise CatalogUnavailable("the server had an accident")
        return await super().apply(events)


async def test_an_event_that_makes_the_server_fail_does_not_block_the_rest(engines, tmp_path, bus):
    def choking(mongo):
        catalog = ChokingCatalog(mongo, Circuit(time.monotonic, Backoff(0.05, 0.2)))
        catalog.choke_on = "bad"
        return catalog

    for name in ("a", "bad", "b"):
        await publish(bus, stored(record(name, 1000), 1000))
    async with indexer_stage(engines, tmp_path, bus, make_catalog=choking) as stage:
        await until(lambda: stage.indexed == 2)
        await publish(bus, stored(record("c", 1000), 1000))
        await until(lambda: stage.indexed == 3)
        assert await backlog(bus) == 1  # it waits its turn


async def test_two_query_services_share_the_events_and_lose_none(engines, fresh_nats, tmp_path, bus):
    assets = [record(f"a{i}", 1000) for i in range(300)]
    async with (
        connected_bus(fresh_nats.urls.nats, tmp_path, "query-2") as bus_2,
        indexer_stage(engines, tmp_path, bus) as one,
        indexer_stage(engines, tmp_path, bus_2, name="query-2") as two,
    ):
        nodes = ["eu-1", "us-1", "ap-1"]
        for index, asset in enumerate(assets):
            await publish(bus, stored(asset, 1000, nodes[index % 3]))
            await publish(bus, replicated(asset, 1100, nodes[(index + 1) % 3]))
        await until(lambda: one.indexed + two.indexed >= 600)
        await until(lambda: drained(bus))
        assert one.indexed
        assert two.indexed
        found = (await one.catalog.page(BUCKET, limit=1000)).assets
        assert {a.record.asset_id for a in found} == {a.asset_id for a in assets}
        assert {len(a.locations) for a in found} == {2}


def turn_of(bus, name):
    return IndexerTurn(name, UpkeepNotes(bus, None, 1), 5000, now_ms, lease_seconds=1.0, look_seconds=0.1)


async def test_one_service_indexes_for_all_and_when_it_stops_the_other_goes_on(
    engines, fresh_nats, tmp_path, bus
):
    assets = [record(f"a{i}", 1000) for i in range(40)]
    url = fresh_nats.urls.nats
    async with connected_bus(url, tmp_path, "query-2") as bus_2, contextlib.AsyncExitStack() as first:
        one = await first.enter_async_context(
            indexer_stage(engines, tmp_path, bus, turn=turn_of(bus, "query-1"))
        )
        await publish(bus, stored(assets[0], 1000))
        await until(lambda: one.indexed == 1)
        async with indexer_stage(
            engines, tmp_path, bus_2, name="query-2", turn=turn_of(bus_2, "query-2")
        ) as two:
            for asset in assets[1:20]:
                await publish(bus, stored(asset, 1000))
                await publish(bus, replicated(asset, 1100, "us-1"))
            await until(lambda: one.indexed == 39)
            assert not two.indexed
            await first.aclose()
            for asset in assets[20:]:
                await publish(bus, stored(asset, 1000))
            await until(lambda: two.indexed == 20)
            assert len((await two.catalog.page(BUCKET)).assets) == len(assets)


async def test_the_turn_of_a_service_that_died_passes_on_within_its_lease(engines, tmp_path, bus):
    now = now_ms()
    assert await UpkeepNotes(bus, None, 1).take(LEASE, "dead", now, now + 1500)
    await publish(bus, stored(record("tom", 1000), 1000))
    async with indexer_stage(engines, tmp_path, bus, turn=turn_of(bus, "query-1")) as stage:
        await until(lambda: stage.indexed == 1)
        assert now_ms() >= now + 1500


async def test_in_a_rush_an_upload_ends_with_all_its_places(engines, tmp_path, bus):
    assets = [record(f"a{i}", 1000) for i in range(60)]
    async with indexer_stage(engines, tmp_path, bus, fold_seconds=5.0) as stage:
        for asset in assets:
            await publish(bus, stored(asset, 1000))
        for node in ("us-1", "ap-1"):
            some = [replicated(asset, 1100, node) for asset in assets]
            for start in range(0, len(some), 20):
                await publish(bus, gathered(some[start : start + 20]))
        await until(lambda: stage.indexed == 60 + 6)
        await until(lambda: drained(bus))
        found = (await stage.catalog.page(BUCKET, limit=100)).assets
        assert [len(asset.locations) for asset in found] == [3] * 60


async def test_in_a_rush_nobody_waits_for_a_node_that_is_suspect(engines, tmp_path, bus):
    assets = [record(f"a{i}", 1000) for i in range(60)]
    async with indexer_stage(engines, tmp_path, bus, fold_seconds=600.0, silent="ap-1") as stage:
        for asset in assets:
            await publish(bus, stored(asset, 1000))
        some = [replicated(asset, 1100, "us-1") for asset in assets]
        for start in range(0, len(some), 20):
            await publish(bus, gathered(some[start : start + 20]))
        await until(lambda: stage.indexed == 60 + 3)


async def test_with_nats_wiped_the_indexer_finds_the_new_streams(engines, tmp_path, bus):
    async with indexer_stage(engines, tmp_path, bus) as stage:
        await publish(bus, stored(record("before", 1000), 1000))
        await until(lambda: stage.indexed == 1)
        for region in REGIONS:
            await bus.jetstream().delete_stream(f"ATOLL_{region.upper()}")
        await make_streams(bus)
        await publish(bus, stored(record("after", 1000), 1000))
        await until(lambda: stage.indexed == 2)
