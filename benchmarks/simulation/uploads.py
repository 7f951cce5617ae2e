"""Uploads over simulated time: from where people are to where a ticket sends them, then to the peers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from atoll.model import Node, Position, Region
from atoll.placement import distance_km
from benchmarks.simulation.events import Loop
from benchmarks.simulation.world import World

_AROUND_DEGREES = 3.0  # how far people live from their region's city


class People:
    """Where they are: around regions, by each region's share."""

    def __init__(self, regions: Sequence[tuple[Region, float]], rng: random.Random) -> None:
        self._regions, self._rng = [region for region, _ in regions], rng
        self._shares = [share for _, share in regions]

    def region(self) -> Region:
        """Somebody's."""
        return self._rng.choices(self._regions, self._shares)[0]

    def near(self, region: Region) -> Position:
        """Somebody's place there."""
        return Position(
            max(-89.0, min(89.0, self._rng.gauss(region.lat, _AROUND_DEGREES))),
            max(-179.0, min(179.0, self._rng.gauss(region.lon, _AROUND_DEGREES))),
        )


class Uploads:
    """Shards of `images` each, `every` seconds apart as a mean. `shards` remembers (region, set) of each."""

    def __init__(
        self, loop: Loop, world: World, people: People, rng: random.Random, *, images: int, every: float
    ) -> None:
        self._loop, self._world, self._people, self._rng = loop, world, people, rng
        self._images, self._every = images, every
        self.shards: list[tuple[Region, str]] = []
        self.kms: list[float] = []
        self.refused = 0
        self.to: Counter[str] = Counter()

    def begin(self, number: int) -> None:
        """Plan so many."""
        if number:
            gap = self._rng.expovariate(1 / self._every)
            self._loop.after(gap, lambda: self._next(number))

    def _next(self, number: int) -> None:
        self.one()
        self.begin(number - 1)

    def one(self) -> None:
        """One shard, now; its copies are made within seconds, so at once."""
        region = self._people.region()
        client = self._people.near(region)
        node = self._world.place(client, self._rng)
        if node is None:
            self.refused += 1
            return
        place = self._world.cluster.region(node.region).position
        self.kms.append(distance_km(client, place))
        self.shards.append((region, node.set))
        self.to[node.region] += 1
        self._world.stock.upload(node, self._images)
        for peer in self._peers(node):
            self._world.stock.copy(node, peer, self._images)

    def _peers(self, node: Node) -> list[Node]:
        return [peer for peer in self._world.cluster.peers(node.name) if self._world.is_up(peer)]
