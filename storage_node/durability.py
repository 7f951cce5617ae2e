"""Durability on demand: before the answer, other regions are told to pull, and say when they have it.

The peers are ordered directly, so it works with NATS away; the event in the outbox goes its own way, and a
peer that has the blob by then answers at once. Every other region is asked at the same time, its nearest
node first; a node that fails is followed by the next of its region, then by another round. At the deadline
the answer is what was confirmed: the upload itself is kept in any case. Called by uploads_api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from atoll.durability import regions_needed
from atoll.errors import AtollError
from atoll.lifecycle import cancel_and_wait
from atoll.model import AssetRecord, Location, Node
from atoll.node_api import PullOrder, PullResult
from atoll.node_client import NodeClient
from storage_node.origin import Origin
from storage_node.peers import MapView

ORDERS_AT_ONCE = 64
RETRY_SECONDS = 0.25


class Confirmed(Struct, frozen=True):
    """Who has it: this node first. `enough`: as many regions as were wanted."""

    locations: tuple[Location, ...]
    regions: tuple[str, ...]
    enough: bool


class Confirmer:
    """Asks other regions to confirm; `seconds` is how long an upload may wait for them."""

    def __init__(self, origin: Origin, cluster: MapView, client: NodeClient, seconds: float) -> None:
        self._origin, self._cluster, self._client, self._seconds = origin, cluster, client, seconds
        self._room = asyncio.Semaphore(ORDERS_AT_ONCE)

    async def confirm(self, record: AssetRecord, durability: str) -> Confirmed:
        """Wait until enough regions hold `record`, or the time is up."""
        origin, now = self._origin, self._origin.now_ms()
        confirmed = {origin.region: Location(origin.node, origin.region, now, now)}
        others = self._other_regions()
        needed = regions_needed(durability, {origin.region, *others})
        tasks = (
            {
                asyncio.create_task(self._region(nodes, record), name=f"confirm {region}")
                for region, nodes in others.items()
            }
            if needed > 1
            else set()
        )
        deadline = asyncio.get_running_loop().time() + self._seconds
        waiting = set(tasks)
        try:
            while waiting and len(confirmed) < needed:
                left = deadline - asyncio.get_running_loop().time()
                done, waiting = await asyncio.wait(
                    waiting, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                confirmed |= {place.region: place for place in (t.result() for t in done) if place}
        finally:
            await cancel_and_wait(tasks)
        places = tuple(confirmed.values())
        return Confirmed(places, tuple(sorted(confirmed)), len(confirmed) >= needed)

    def _other_regions(self) -> dict[str, list[Node]]:
        """The set's active nodes by region, nearest first, but for this region's."""
        cluster, origin = self._cluster.current, self._origin
        known = origin.region in cluster.regions
        members: Sequence[Node] = (
            cluster.nearest_members(origin.set, origin.region) if known else cluster.members(origin.set)
        )
        regions: dict[str, list[Node]] = {}
        for node in members:
            if node.region != origin.region and node.state == "active":
                regions.setdefault(node.region, []).append(node)
        return regions

    async def _region(self, nodes: Sequence[Node], record: AssetRecord) -> Location | None:
        """Until one of the region's nodes has it; None when it was deleted meanwhile."""
        while True:
            for node in nodes:
                try:
                    result = await self._order(node, record)
                except AtollError:
                    continue  # the next node, or the next round; the caller knows when to stop
                if result.status == "deleted":
                    return None
                now = self._origin.now_ms()
                return Location(node.name, node.region, now, now)
            await asyncio.sleep(RETRY_SECONDS)

    async def _order(self, node: Node, record: AssetRecord) -> PullResult:
        order = PullOrder(record, (self._origin.node,))
        async with self._room:
            return await self._client.call(
                node, "POST", "/internal/v1/pull", PullResult, body=order, seconds=self._seconds
            )
