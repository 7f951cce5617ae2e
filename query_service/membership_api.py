"""Changing who belongs: PATCH /v1/nodes/{node}, GET /v1/nodes/{node}/drain, PATCH /v1/sets/{set}.

Owns these changes of the cluster map; the rules are in membership.py, the proof that a drain is done in
drain_proof.py. Refused while NATS, and with it the map, cannot be written.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web
from msgspec import Struct

from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.errors import NotFound
from atoll.http import json_response, read_json
from atoll.model import Node, ReplicaSet
from query_service.audit_guard import audit_facts
from query_service.drain_proof import DrainProof
from query_service.membership import NodeState, check_change
from query_service.query_input import check_query
from query_service.routing import Route

_SEEN_SECONDS = 2.0  # how long a change waits to be seen here too


class NodeChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node is to become; `force` when its machine is lost or its set is small."""

    state: NodeState
    force: bool = False


class SetChange(Struct, frozen=True, forbid_unknown_fields=True):
    """A sealed set takes no new images and goes on serving."""

    sealed: bool


class MembershipApi:
    """The changes that operators make."""

    def __init__(self, cluster: LiveClusterMap, drain: DrainProof, max_json_bytes: int) -> None:
        self._live, self._drain, self._max_json_bytes = cluster, drain, max_json_bytes

    def routes(self) -> list[Route]:
        """All of it; for administrators."""
        return [
            Route("PATCH", "/v1/nodes/{node}", "admin", self.change_node, reach="whole"),
            Route("GET", "/v1/nodes/{node}/drain", "read", self.show_drain, reach="whole"),
            Route("PATCH", "/v1/sets/{set}", "admin", self.change_set, reach="whole"),
        ]

    @property
    def _map(self) -> ClusterMap:
        return self._live.current

    async def change_node(self, request: web.Request) -> web.Response:
        """Drain a node, take it back, or remove it."""
        check_query(request, ())
        node = self._map.node(request.match_info["node"])
        change = await read_json(request, NodeChange, self._max_json_bytes)
        audit_facts(request, state=change.state, force=change.force)
        drained = unused = False
        if change.state not in {"active", node.state} and node.state != "removed" and not change.force:
            unused = await self._drain.unused(node.set)
            drained = change.state == "removed" and (await self._drain.of(node)).done
        check_change(self._map, node, change.state, force=change.force, drained=drained, unused=unused)
        changed = msgspec.structs.replace(node, state=change.state)
        if changed != node:
            await self._write(changed)
        return json_response(changed)

    async def show_drain(self, request: web.Request) -> web.Response:
        """How much of a node is confirmed elsewhere, looked up now."""
        check_query(request, ())
        node = self._map.node(request.match_info["node"])
        return json_response(await self._drain.of(node), headers={"Cache-Control": "no-store"})

    async def change_set(self, request: web.Request) -> web.Response:
        """Seal or unseal a set."""
        check_query(request, ())
        known = self._map.sets.get(request.match_info["set"])
        if known is None:
            raise NotFound("There is no such set.", set=request.match_info["set"][:80])
        change = await read_json(request, SetChange, self._max_json_bytes)
        audit_facts(request, sealed=change.sealed)
        changed = msgspec.structs.replace(known, sealed=change.sealed)
        if changed != known:
            await self._write(changed)
        return json_response(changed)

    async def _write(self, entry: Node | ReplicaSet) -> None:
        await self._live.put(entry)
        try:
            async with asyncio.timeout(_SEEN_SECONDS):
                await self._live.wait_for(lambda cluster: _has(cluster, entry))
        except TimeoutError:
            return  # it is written; a slow NATS only hides it for now


def _has(cluster: ClusterMap, entry: Node | ReplicaSet) -> bool:
    known = cluster.nodes if isinstance(entry, Node) else cluster.sets
    return known.get(entry.name) == entry
