"""/v1/nodes, /v1/sets, /v1/regions: the cluster as this service sees it now.

Reads the map and the health table; needs no database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.http import json_response
from atoll.model import Node, Region, ReplicaSet
from query_service.cluster_wire import MemberView, NodeView, RegionView, SetView
from query_service.query_input import check_query
from query_service.routing import Route


class ClusterApi:
    """Shows the cluster."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        health: HealthTable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live, self._health, self._clock = cluster, health, clock

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("GET", "/v1/nodes", "read", self.nodes, reach="cluster"),
            Route("GET", "/v1/sets", "read", self.sets, reach="cluster"),
            Route("GET", "/v1/regions", "read", self.regions, reach="cluster"),
        ]

    @property
    def _map(self) -> ClusterMap:
        return self._live.current

    async def nodes(self, request: web.Request) -> web.Response:
        """Every node the map knows, removed ones too, by name."""
        check_query(request, ())
        nodes = sorted(self._map.nodes.values(), key=lambda node: node.name)
        return json_response({"nodes": [self._node(node) for node in nodes]})

    async def sets(self, request: web.Request) -> web.Response:
        """Every set with its members."""
        check_query(request, ())
        sets = sorted(self._map.sets.values(), key=lambda s: s.name)
        return json_response({"sets": [self._set(s) for s in sets]})

    async def regions(self, request: web.Request) -> web.Response:
        """Every region with its nodes."""
        check_query(request, ())
        regions = sorted(self._map.regions.values(), key=lambda region: region.name)
        return json_response({"regions": [self._region(region) for region in regions]})

    def _node(self, node: Node) -> NodeView:
        now = self._clock()
        known = self._health.known(node.name)
        beat = known.heartbeat if known else None
        word = known.word if known else None
        return NodeView(
            name=node.name,
            region=node.region,
            set=node.set,
            url=node.url,
            state=node.state,
            health=self._health.state(node.name, now),
            age_ms=int((now - known.seen) * 1000) if known else None,
            ready=word.state if word else None,
            read_only=word.read_only if word else None,
            bytes_free=word.bytes_free if word else None,
            **_beat_facts(beat),
        )

    def _set(self, replica_set: ReplicaSet) -> SetView:
        now = self._clock()
        members = [self._member(node, now) for node in self._map.members(replica_set.name)]
        free = [member.bytes_free for member in members if member.bytes_free is not None]
        return SetView(
            name=replica_set.name,
            sealed=replica_set.sealed,
            writable=not replica_set.sealed and any(member.writable for member in members),
            healthy=sum(member.health == "healthy" for member in members),
            bytes_free=min(free, default=None),
            members=members,
        )

    def _member(self, node: Node, now: float) -> MemberView:
        known = self._health.known(node.name)
        word = known.word if known else None
        return MemberView(
            node=node.name,
            region=node.region,
            health=self._health.state(node.name, now),
            writable=self._health.writable(node, self._map, now) is not None,
            bytes_free=word.bytes_free if word else None,
        )

    def _region(self, region: Region) -> RegionView:
        now = self._clock()
        nodes = sorted(
            n.name for n in self._map.nodes.values() if n.region == region.name and n.state != "removed"
        )
        healthy = sum(self._health.state(name, now) == "healthy" for name in nodes)
        return RegionView(region.name, region.lat, region.lon, nodes, healthy)


_BEAT_FACTS = (
    "version",
    "load",
    "bytes_total",
    "blobs",
    "outbox",
    "outbox_age_ms",
    "wanted",
    "quarantined",
)


def _beat_facts(beat: Heartbeat | None) -> dict[str, Any]:
    return {name: getattr(beat, name, None) for name in _BEAT_FACTS}
