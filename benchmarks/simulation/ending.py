"""The end of a region in a grown cluster: reads before, during and after, and new machines being filled."""

from __future__ import annotations

import copy

from atoll.model import Node
from benchmarks.simulation.events import Loop
from benchmarks.simulation.figures import Figures, RoundTrip
from benchmarks.simulation.growing import Grown
from benchmarks.simulation.loss import DAY, Pace, Refill
from benchmarks.simulation.outcome import Loss, Plan, Refilled
from benchmarks.simulation.reads import Reads, sample
from benchmarks.simulation.stock import Stock

# Pulls of repair at once: the default, never more than while others need the node, and what else is tried.
PACES = (Pace(), Pace(most=1), Pace(parallel=24), Pace(most=96), Pace(parallel=96))
_YEAR = 365 * DAY


def lose_region(plan: Plan, figures: Figures, trip: RoundTrip, grown: Grown) -> tuple[Loss, Stock]:
    """The region that holds most images goes; with the default pace, its stock afterwards."""
    world, stock = grown.world, grown.world.stock
    nodes = _fullest_region(grown)
    before = _reads(plan, trip, grown)
    copies = sum(stock.on(node.name) for node in nodes)
    for node in nodes:
        stock.lose(node)
        world.down.add(node.name)
    world.beat(grown.loop.now + 60.0)
    during = _reads(plan, trip, grown)
    runs = [(pace, *_refill(figures, trip, grown, nodes, pace)) for pace in PACES]
    _, refill, filled = runs[0]
    world.stock = filled
    world.down.clear()
    world.beat(grown.loop.now + 120.0)
    after = _reads(plan, trip, grown)
    filled.check(world.cluster.nodes.values())
    return Loss(
        nodes[0].region,
        len(nodes),
        copies,
        copies * figures.image_bytes,
        before,
        during,
        after,
        tuple(_refilled(pace, each, figures) for pace, each, _ in runs),
        tuple(round(at / 3600, 2) for at, _ in refill.course),
        tuple(round(missing / copies, 4) for _, missing in refill.course),
    ), filled


def _fullest_region(grown: Grown) -> list[Node]:
    held: dict[str, int] = {}
    for node in grown.world.cluster.nodes.values():
        held[node.region] = held.get(node.region, 0) + grown.world.stock.on(node.name)
    region = max(held, key=lambda name: held[name])
    return [node for node in grown.world.cluster.nodes.values() if node.region == region]


def _reads(plan: Plan, trip: RoundTrip, grown: Grown) -> Reads:
    return sample(grown.world, grown.uploads.shards, grown.people, trip, grown.rng, plan.reads)


def _refill(
    figures: Figures, trip: RoundTrip, grown: Grown, nodes: list[Node], pace: Pace
) -> tuple[Refill, Stock]:
    """On books of its own. Time begins with the loss; the machines come later."""
    stock, loop = copy.deepcopy(grown.world.stock), Loop()
    refill = Refill(loop, grown.world.cluster, stock, figures, trip, pace)
    loop.at(figures.replace_seconds, lambda: refill.begin(nodes, frozenset(node.name for node in nodes)))
    loop.run()
    return refill, stock


def _refilled(pace: Pace, refill: Refill, figures: Figures) -> Refilled:
    whole = max(refill.whole_at.values())
    first = refill.course[0][1]

    def until(left: float) -> float:
        return next(at for at, missing in refill.course if missing <= left * first)

    # Each set has two members left, of one disk each.
    narrow = sum(2 * figures.disk_failures_a_year * at / _YEAR for at in refill.whole_at.values())
    half, most, everything = (round(at / 3600, 1) for at in (until(0.5), until(0.1), whole))
    return Refilled(pace.parallel, max(pace.parallel, pace.most), half, most, everything, round(narrow, 5))
