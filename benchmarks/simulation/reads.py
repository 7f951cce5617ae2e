"""Reads, drawn from what was uploaded: who would be sent where, and how far that is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from msgspec import Struct

from atoll.model import Position, Region
from benchmarks.simulation.figures import RoundTrip
from benchmarks.simulation.uploads import People
from benchmarks.simulation.world import World

FROM_HOME = 0.8  # of the readers of an image live around the region it was uploaded from: an assumption


class Reads(Struct, frozen=True):
    """Round-trip milliseconds to the node that is offered first; shares of all reads, 0 to 1."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    within_1500_km: float
    unanswered: float


def sample(
    world: World,
    shards: Sequence[tuple[Region, str]],
    people: People,
    trip: RoundTrip,
    rng: random.Random,
    number: int,
) -> Reads:
    """So many reads at this moment, by the view's own plans."""
    kms: list[float] = []
    for _ in range(number):
        home, set_name = rng.choice(shards)
        region = home if rng.random() < FROM_HOME else people.region()
        km = _first_km(world, people.near(region), set_name, rng)
        if km is not None:
            kms.append(km)
    kms.sort()

    def at(share: float) -> float:
        return round(trip.ms(kms[int(share * (len(kms) - 1))]), 1) if kms else 0.0

    return Reads(
        at(0.5), at(0.9), at(0.99), _share(kms, lambda km: km <= 1500, number), 1 - len(kms) / number
    )


def _share(kms: Sequence[float], holds: Callable[[float], bool], number: int) -> float:
    return round(sum(map(holds, kms)) / number, 4)


def _first_km(world: World, client: Position, set_name: str, rng: random.Random) -> float | None:
    """To the node that is offered first; None when none of the set's is healthy."""
    members = world.cluster.members(set_name)
    holders = tuple(node.name for node in members if world.is_up(node) and not world.stock.lacking(node))
    spots = world.view.plan(client, set_name, holders).spots(rng)
    return None if not spots or spots[0].suspect else spots[0].km
