"""The whole run: a cluster of even shares, one of uneven, the loss of the fullest region, what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atoll.model import Region
from benchmarks.simulation.ending import lose_region
from benchmarks.simulation.figures import Figures, fitted_round_trip
from benchmarks.simulation.growing import Grown, balance, grow
from benchmarks.simulation.outcome import Cost, Outcome, Plan
from benchmarks.simulation.regions import REGIONS

GB = 1e9


def simulate(
    plan: Plan,
    figures: Figures | None = None,
    regions: Sequence[tuple[Region, float]] = REGIONS,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """All of it. The same plan gives the same outcome."""
    figures = figures or Figures()
    trip = fitted_round_trip()
    say("uploads, as many everywhere")
    even = grow(plan, figures, [(region, 1.0) for region, _ in regions])
    say("uploads, by where people are")
    uneven = grow(plan, figures, regions)
    replicated = uneven.world.stock.traffic.copy()
    say("a region is lost")
    loss, stock = lose_region(plan, figures, trip, uneven)
    repaired = stock.traffic - replicated
    return Outcome(
        plan,
        stock.uploaded,
        sum(stock.on(name) for name in uneven.world.cluster.nodes),
        balance(even, trip),
        balance(uneven, trip),
        loss,
        sum(replicated.values()),
        sum(repaired.values()),
        tuple((a, b, moved) for (a, b), moved in replicated.most_common(10)),
        _cost(figures, uneven, sum(replicated.values())),
    )


def _cost(figures: Figures, grown: Grown, replicated: int) -> Cost:
    """Standing costs are shared by the images that are there: fuller disks, cheaper images. `replicated`:
    bytes between regions, without those of a repair."""
    nodes, disk = len(grown.world.cluster.nodes), grown.world.disk.size
    millions = grown.world.stock.uploaded / 1e6
    machines, gigabytes = nodes * figures.node_month, nodes * disk / GB
    return Cost(
        round((machines + gigabytes * figures.disk_gb_month) / millions, 2),
        round((machines + gigabytes * figures.slow_disk_gb_month) / millions, 2),
        round(replicated / GB * figures.region_gb / millions, 2),
        round(figures.image_bytes * 1e6 / GB * figures.reader_gb, 2),
    )
