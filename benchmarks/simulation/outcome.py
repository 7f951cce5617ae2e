"""What a run found: plain values, as JSON in benchmarks/results/simulation.json."""

from __future__ import annotations

from msgspec import Struct

from benchmarks.simulation.reads import Reads


class Plan(Struct, frozen=True):
    """How large a run is. The `bytes` of disks follow from how full they shall be in the end, as a mean."""

    seed: int = 1
    nodes_each: int = 10
    images: int = 1_000_000_000
    shard: int = 10_000
    days: float = 365.0
    beats_a_day: float = 2.0
    full: float = 0.75
    reserve: float = 0.05
    reads: int = 20_000


class Balance(Struct, frozen=True):
    """How evenly nodes are filled, 0 to 1, at the end; and where uploads went meanwhile.

    `course`: at each of `days` the least, mean and most filled node. `far`: uploads that went further than
    1,500 km; `refused`: those that found no room.
    """

    least: float
    mean: float
    most: float
    deviation: float
    far: float
    refused: int
    upload_p50_ms: float
    upload_p99_ms: float
    days: tuple[float, ...]
    course: tuple[tuple[float, float, float], ...]


class Refilled(Struct, frozen=True):
    """How long lost nodes took with so many pulls at once, and up to `most` while both nodes are idle: hours
    until half, 90 % and all was there again.

    `narrow`: sets, of those that lost a member, that may be expected to lose another meanwhile.
    """

    parallel: int
    most: int
    half_hours: float
    most_hours: float
    all_hours: float
    narrow: float


class Loss(Struct, frozen=True):
    """A region's end: what was lost there, what readers felt, and how it became whole."""

    region: str
    nodes: int
    copies: int
    bytes: int
    before: Reads
    during: Reads
    after: Reads
    refilled: tuple[Refilled, ...]
    hours: tuple[float, ...]
    missing: tuple[float, ...]


class Cost(Struct, frozen=True):
    """US dollars for a million images: a month on fast and slow disks; once, to bring them everywhere."""

    fast_month: float
    slow_month: float
    spread_once: float
    read_once: float


class Outcome(Struct, frozen=True):
    """All of a run. `replicated`, `repaired`: bytes between regions; `largest_pairs` of replication."""

    plan: Plan
    uploaded: int
    copies: int
    even: Balance
    uneven: Balance
    loss: Loss
    replicated: int
    repaired: int
    largest_pairs: tuple[tuple[str, str, int], ...]
    cost: Cost
