"""The cluster as Atoll's own code sees it: its map, who is healthy, where uploads go and who is asked first.

Nothing is decided here: placing and ordering are `atoll.placement` and the query service's view. Heartbeats
come once a round of simulated time and say what the stock says; a node that is down says nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap, Entry
from atoll.health import HealthTable
from atoll.heartbeat import Heartbeat
from atoll.model import Node, Position, Region, ReplicaSet
from atoll.placement import distance_km
from benchmarks.simulation.stock import Stock
from query_service.cluster_known import ClusterKnown
from query_service.cluster_view import ClusterView, Views

BUCKET = "pictures"
APART_KM = 1500.0  # one member of each set is at least so far away: a disaster is smaller


class Disk(NamedTuple):
    """Of every node, in bytes; of the last `reserve` none is for uploads."""

    size: int
    reserve: int


def layout(regions: Sequence[Region], nodes_each: int, members: int = 3) -> Iterator[Entry]:
    """Sets across regions: a node, the nearest region with nodes left, then the nearest far away.

    Regions are used up evenly, so that the last sets have a choice as well.
    """
    yield from regions
    yield Bucket(BUCKET)
    left = dict.fromkeys((region.name for region in regions), nodes_each)
    for number in range(len(regions) * nodes_each // members):
        yield ReplicaSet(f"s{number}")
        for region in _partners(regions, left, members):
            left[region.name] -= 1
            name = f"{region.name}-{nodes_each - left[region.name]}"
            yield Node(name, region.name, f"s{number}", f"http://{name}.test")


def _partners(regions: Sequence[Region], left: Mapping[str, int], members: int) -> list[Region]:
    chosen = [max(regions, key=lambda region: left[region.name])]
    most = left[chosen[0].name]
    while len(chosen) < members:
        free = [r for r in regions if r not in chosen and left[r.name] > max(0, most - 3)]
        free = free or [r for r in regions if r not in chosen and left[r.name] > 0]
        kms = {r.name: min(distance_km(r.position, c.position) for c in chosen) for r in free}
        far = [r for r in free if kms[r.name] >= APART_KM] if len(chosen) == members - 1 else []
        chosen.append(min(far or free, key=lambda region: kms[region.name]))
    return chosen


class World:
    """`stock` says how full the nodes are. `beat` makes what happened since seen."""

    def __init__(self, entries: Sequence[Entry], stock: Stock, disk: Disk) -> None:
        self.cluster = ClusterMap.of(entries)
        self.stock, self.disk = stock, disk
        self.down: set[str] = set()
        self._health, self._now = HealthTable(), 0.0
        self._views = Views(ClusterKnown(lambda: self.cluster, self._health, lambda: self._now))

    def beat(self, now: float) -> None:
        """A heartbeat of every node that is up, at `now` seconds."""
        self._now = now
        for node in self.cluster.nodes.values():
            if node.name not in self.down:
                self._health.heard(self._word(node), now)
        self._views.drop()

    def _word(self, node: Node) -> Heartbeat:
        free = max(0, self.disk.size - self.stock.bytes_on(node.name))
        return Heartbeat(
            node=node.name, region=node.region, set=node.set, url=node.url, at=0, version="1", state="ready",
            read_only=free <= self.disk.reserve, load=0.0, bytes_total=self.disk.size, bytes_free=free,
            blobs=self.stock.on(node.name), outbox=0, outbox_age_ms=0, bytes_reserved=self.disk.reserve,
        )  # fmt: skip

    @property
    def view(self) -> ClusterView:
        """As a query service has it since the last heartbeats."""
        return self._views.current()

    def place(self, client: Position, rng: random.Random) -> Node | None:
        """Where an upload goes, by the tickets' own choice; None: nowhere is room."""
        chosen = self.view.room_for(self.cluster.bucket(BUCKET)).choose(client, rng)
        return chosen.node if chosen else None

    def is_up(self, node: Node) -> bool:
        """Whether it is there at all."""
        return node.name not in self.down
