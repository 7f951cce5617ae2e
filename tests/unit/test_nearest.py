"""Who serves a client at a place: the nearest healthy node of each set, and who takes its uploads."""

from __future__ import annotations

import random

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hand_clock import HandClock
from heartbeat_maker import a_beat

from atoll.cluster import ClusterMap
from atoll.health import SUSPECT_AFTER, HealthTable
from atoll.model import Node, Position, Region, ReplicaSet
from query_service.cluster_view import ClusterView
from query_service.nearest_api import NearestApi, NearestView

pytestmark = pytest.mark.asyncio
WIEN = Position(48.2, 16.4)


def cluster(*, sealed: bool = False) -> ClusterMap:
    regions = [Region("eu", 50, 8), Region("us", 40, -75)]
    nodes = [Node(f"{region.name}-1", region.name, "s1", f"http://{region.name}") for region in regions]
    return ClusterMap.of([*regions, *nodes, ReplicaSet("s1", sealed), ReplicaSet("s2")])


async def nearest(health: HealthTable, clock: HandClock, known: ClusterMap) -> NearestView:
    view = ClusterView(known, health, clock.monotonic())
    api = NearestApi(lambda: view, lambda _: WIEN, random.Random(1))
    answer = await api.nearest(make_mocked_request("GET", "/v1/nearest"))
    assert isinstance(answer.body, bytes)
    return msgspec.json.decode(answer.body, type=NearestView)


async def test_the_nearest_healthy_node_serves_and_the_next_one_when_it_falls_silent() -> None:
    clock, health = HandClock(), HealthTable()
    for region in ("eu", "us"):
        health.heard(a_beat(f"{region}-1", region=region), clock.monotonic())
    found = await nearest(health, clock, cluster())
    assert [server.node for server in found.sets[0].servers] == ["eu-1", "us-1"]
    assert (found.lat, found.sets[0].upload) == (48.2, "eu-1")
    assert 600 < found.sets[0].servers[0].distance_km < 700
    clock.advance(SUSPECT_AFTER)
    health.heard(a_beat("us-1", region="us"), clock.monotonic())
    found = await nearest(health, clock, cluster())
    assert [(server.node, server.suspect) for server in found.sets[0].servers] == [("us-1", False)]
    assert found.sets[0].upload == "us-1"


async def test_a_sealed_set_serves_and_takes_nothing_and_one_without_nodes_does_neither() -> None:
    clock, health = HandClock(), HealthTable()
    health.heard(a_beat("eu-1"), clock.monotonic())
    sealed, empty = (await nearest(health, clock, cluster(sealed=True))).sets
    assert (sealed.sealed, [server.node for server in sealed.servers], sealed.upload) == (
        True,
        ["eu-1"],
        None,
    )
    assert (empty.servers, empty.upload) == ([], None)
