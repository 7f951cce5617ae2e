"""A cluster that is filled from empty: uploads and heartbeats, until all images are there."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from atoll.model import Region
from benchmarks.simulation.events import Loop
from benchmarks.simulation.figures import Figures, RoundTrip
from benchmarks.simulation.loss import DAY
from benchmarks.simulation.outcome import Balance, Plan
from benchmarks.simulation.stock import Stock
from benchmarks.simulation.uploads import People, Uploads
from benchmarks.simulation.world import Disk, World, layout

_POINTS = 24  # of a course


@dataclass
class Grown:
    """A cluster and how it came to be."""

    loop: Loop
    world: World
    people: People
    uploads: Uploads
    rng: random.Random
    days: list[float] = field(default_factory=list)
    course: list[tuple[float, float, float]] = field(default_factory=list)

    def filled(self) -> list[float]:
        """How full each node is."""
        stock, size = self.world.stock, self.world.disk.size
        return [stock.bytes_on(name) / size for name in self.world.cluster.nodes]


def grow(plan: Plan, figures: Figures, regions: Sequence[tuple[Region, float]]) -> Grown:
    """All of the plan's images, over its days."""
    rng = random.Random(plan.seed)
    entries = tuple(layout([region for region, _ in regions], plan.nodes_each))
    nodes = len(regions) * plan.nodes_each
    disk = disk_of(plan, figures, nodes)
    loop, people = Loop(), People(regions, rng)
    world = World(entries, Stock(figures.image_bytes), disk)
    shards = plan.images // plan.shard
    uploads = Uploads(loop, world, people, rng, images=plan.shard, every=plan.days * DAY / shards)
    grown = Grown(loop, world, people, uploads, rng)
    world.beat(0.0)
    uploads.begin(shards)
    _beat_until(grown, plan, shards)
    loop.run()
    world.beat(loop.now)
    _note(grown)
    world.stock.check(world.cluster.nodes.values())
    return grown


def disk_of(plan: Plan, figures: Figures, nodes: int) -> Disk:
    """Disks that are as full as planned when all images are there, if they are filled evenly."""
    size = int(plan.images * 3 * figures.image_bytes / nodes / plan.full)
    return Disk(size, int(size * plan.reserve))


def _beat_until(grown: Grown, plan: Plan, shards: int) -> None:
    beats = plan.days * plan.beats_a_day
    every = max(1, int(beats / _POINTS))

    def beat(number: int) -> None:
        grown.world.beat(grown.loop.now)
        if number % every == 0:
            _note(grown)
        if len(grown.uploads.shards) + grown.uploads.refused < shards:
            grown.loop.after(DAY / plan.beats_a_day, lambda: beat(number + 1))

    grown.loop.after(0.0, lambda: beat(0))


def _note(grown: Grown) -> None:
    filled = grown.filled()
    grown.days.append(round(grown.loop.now / DAY, 1))
    least, mean, most = min(filled), statistics.fmean(filled), max(filled)
    grown.course.append((round(least, 4), round(mean, 4), round(most, 4)))


def balance(grown: Grown, trip: RoundTrip) -> Balance:
    """What came of it."""
    filled, kms = grown.filled(), sorted(grown.uploads.kms)
    return Balance(
        round(min(filled), 4),
        round(statistics.fmean(filled), 4),
        round(max(filled), 4),
        round(statistics.pstdev(filled), 4),
        round(sum(km > 1500 for km in kms) / len(kms), 4),
        grown.uploads.refused,
        round(trip.ms(kms[len(kms) // 2]), 1),
        round(trip.ms(kms[len(kms) * 99 // 100]), 1),
        tuple(grown.days),
        tuple(grown.course),
    )
