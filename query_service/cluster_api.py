"""/v1/nodes, /v1/sets, /v1/regions, /v1/buckets: the cluster as this service sees it now.

Owns these views and the one change they allow, a bucket's policy. Reads the map and the health table;
needs no database. Bucket changes are refused while NATS, and with it the map, cannot be written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from atoll import names
from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.http import json_response, read_json
from atoll.model import Node, Region, ReplicaSet
from atoll.transformation.limits import DEFAULTS, Limits
from query_service.audit_guard import audit_facts
from query_service.bucket_orders import bucket_of
from query_service.cluster_wire import BucketOrder, MemberView, NodeView, RegionView, SetView
from query_service.key_reach import check_bucket, limited_key
from query_service.query_input import check_query
from query_service.routing import Route

_SEEN_SECONDS = 2.0  # how long a PUT waits to see its own change come back


class ClusterApi:
    """Shows the cluster."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        health: HealthTable,
        max_json_bytes: int,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live, self._health = cluster, health
        self._max_json_bytes, self._limits, self._clock = max_json_bytes, limits, clock

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("GET", "/v1/nodes", "read", self.nodes, reach="cluster"),
            Route("GET", "/v1/sets", "read", self.sets, reach="cluster"),
            Route("GET", "/v1/regions", "read", self.regions, reach="cluster"),
            Route("GET", "/v1/buckets", "read", self.buckets, reach="inside"),
            Route("PUT", "/v1/buckets/{bucket}", "admin", self.put_bucket, reach="inside"),
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

    async def buckets(self, request: web.Request) -> web.Response:
        """Every bucket in the key's reach, with its policy."""
        check_query(request, ())
        key = limited_key(request)
        buckets = [b for b in self._map.buckets.values() if key is None or key.reaches_bucket(b.name)]
        return json_response({"buckets": sorted(buckets, key=lambda b: b.name)})

    async def put_bucket(self, request: web.Request) -> web.Response:
        """Make a bucket (201), or give it another policy (200)."""
        check_query(request, ())
        name = names.check_bucket(request.match_info["bucket"])
        check_bucket(request, name)
        order = await read_json(request, BucketOrder, self._max_json_bytes)
        bucket = bucket_of(name, order, self._limits)
        audit_facts(request, policy=msgspec.json.encode(order).decode())
        existed = name in self._map.buckets
        await self._live.put(bucket)
        await self._see(bucket)
        return json_response(bucket, 200 if existed else 201)

    async def _see(self, bucket: Bucket) -> None:
        """Wait until this instance has the bucket too, so that a ticket may be asked for at once."""
        try:
            async with asyncio.timeout(_SEEN_SECONDS):
                await self._live.wait_for(lambda cluster: cluster.buckets.get(bucket.name) == bucket)
        except TimeoutError:
            return  # it is written; another change or a slow NATS only hides it for now

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
