"""A region burns down, machines are put in its place, and their replicators fill them from the peers.

The pace is the replicator's own: its `Throttle` on the load of both nodes, its settings' defaults for how
many pulls at once and how many bytes a second. What one pull takes is its own work as measured, a round trip,
and the bytes over one connection; a disk writes no faster than it can.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct

from atoll.cluster import ClusterMap
from atoll.model import Node
from atoll.placement import distance_km
from benchmarks.simulation.events import Loop
from benchmarks.simulation.figures import Figures, RoundTrip
from benchmarks.simulation.stock import Stock
from replicator.anti_entropy_pace import Throttle
from replicator.settings import ReplicatorSettings

STEP_SECONDS = 600.0
DAY = 86_400.0
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(ReplicatorSettings)}

Load = Callable[[float, float], float]  # longitude, seconds: 0 (idle) to 1


class Pace(Struct, frozen=True):
    """What bounds repair: the replicator's settings."""

    parallel: int = int(_DEFAULTS["repair_parallel"])
    most: int = int(_DEFAULTS["repair_parallel_most"])
    idle_load: float = float(_DEFAULTS["repair_idle_load"])
    bytes_per_second: int = int(_DEFAULTS["repair_bytes_per_second"])
    busy_load: float = float(_DEFAULTS["repair_busy_load"])

    def throttle(self) -> Throttle:
        """As the replicator makes it."""
        return Throttle(self.parallel, self.busy_load, most=self.most, idle=self.idle_load)


def day_and_night(longitude: float, seconds: float) -> float:
    """A node's load by its sun: 0.1 at four in the morning, 0.9 at four in the afternoon. An assumption."""
    hour = (seconds / 3600 + longitude / 15) % 24
    return 0.5 - 0.4 * math.cos((hour - 4) / 24 * 2 * math.pi)


class Refill:
    """Fills nodes that have come back empty. `whole_at` is when each had all, `course` what lacked when."""

    def __init__(
        self,
        loop: Loop,
        cluster: ClusterMap,
        stock: Stock,
        figures: Figures,
        trip: RoundTrip,
        pace: Pace,
        load: Load = day_and_night,
    ) -> None:
        self._loop, self._cluster, self._stock = loop, cluster, stock
        self._figures, self._trip, self._pace, self._load = figures, trip, pace, load
        self.whole_at: dict[str, float] = {}
        self.course: list[tuple[float, int]] = []
        self._nodes: list[Node] = []

    def begin(self, nodes: list[Node], lost: frozenset[str]) -> None:
        """Each of them from its nearest peer that was not `lost` too."""
        self._nodes = nodes
        for node in nodes:
            (source, *_) = [peer for peer in self._cluster.peers(node.name) if peer.name not in lost]
            throttle = self._pace.throttle()
            self._loop.after(0.0, partial(self._step, node, source, throttle))
        self._loop.after(0.0, self._look)

    def _look(self) -> None:
        missing = sum(self._stock.lacking(node) for node in self._nodes)
        self.course.append((self._loop.now, missing))
        if missing:
            self._loop.after(STEP_SECONDS, self._look)

    def _step(self, node: Node, source: Node, throttle: Throttle) -> None:
        missing = self._stock.lacking(node)
        if not missing:
            self.whole_at.setdefault(node.name, self._loop.now)
            return
        rate = self.rate(node, source, throttle)
        images = min(missing, max(1, int(rate * STEP_SECONDS)))
        self._loop.after(min(STEP_SECONDS, images / rate), lambda: self._land(node, source, throttle, images))

    def _land(self, node: Node, source: Node, throttle: Throttle, images: int) -> None:
        self._stock.copy(source, node, min(images, self._stock.lacking(node)))
        self._step(node, source, throttle)

    def rate(self, node: Node, source: Node, throttle: Throttle) -> float:
        """Images a second now."""
        here, there = (self._cluster.region(each.region) for each in (node, source))
        load = max(self._load(place.lon, self._loop.now) for place in (here, there))
        for second in range(int(STEP_SECONDS)):  # one place more at each look: many take more than some looks
            throttle.look(load, self._loop.now + second)
        seconds = self.pull_seconds(distance_km(here.position, there.position))
        by_places = throttle.allowed / seconds if not throttle.rest else 1 / max(seconds, throttle.rest)
        most = min(self._pace.bytes_per_second, self._figures.disk_bytes_per_second)
        return min(by_places, most / self._figures.image_bytes)

    def pull_seconds(self, km: float) -> float:
        """One pull from so far away: its own work, asking, and the bytes."""
        figures = self._figures
        return (
            figures.pull_seconds
            + self._trip.ms(km) / 1000
            + figures.image_bytes / figures.flow_bytes_per_second
        )
