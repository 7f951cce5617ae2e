"""What a chaos run does, decided by its seed alone, so that it can be told and done again. Pure.

Rates are per second. Faults come one after another with some overlap; those that damage a disk all meet the
same node, the run's `victim`: two damaged copies of one image are two disks lost, and no promise covers that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from probe.story import NODES

Deed = Literal["upload", "read", "delete", "erase", "restore"]
Fault = Literal[
    "kill", "freeze", "engine", "wipe streams", "empty catalog", "flip a bit", "lose a file", "lose the index"
]

DAEMONS = (
    *NODES,
    *(f"{node}-replicator" for node in NODES),
    "query-eu-central",
    "query-us-east",
    "monitor",
)
ENGINES = ("nats", "mongodb", "valkey")
UPLOADS, READS, DELETES, RESTORES = 6.0, 12.0, 1.0, 0.4
FAULT_EVERY = 3.0
MOST_DOWN = 6.0  # seconds a thing stays away


@dataclass(frozen=True)
class Act:
    """One operation: when (seconds from the start), by whom, on which of the assets there are then."""

    at: float
    deed: Deed
    number: int
    place: str
    pick: float
    durability: str = "local"


@dataclass(frozen=True)
class Breakage:
    """One fault: when, what, whom, for how long; `pick` chooses a file."""

    at: float
    fault: Fault
    target: str
    seconds: float
    pick: float


@dataclass(frozen=True)
class Plan:
    """All of a run, in order of time."""

    seed: int
    seconds: float
    victim: str
    acts: tuple[Act, ...]
    breakages: tuple[Breakage, ...]


def make_plan(seed: int, seconds: float) -> Plan:
    """The plan that this seed gives."""
    rng = random.Random(seed)
    victim = rng.choice(NODES)
    acts = sorted(_acts(rng, seconds), key=lambda act: act.at)
    return Plan(seed, seconds, victim, tuple(acts), tuple(_breakages(rng, seconds, victim)))


def _acts(rng: random.Random, seconds: float) -> Iterator[Act]:
    rates: dict[Deed, float] = {
        "upload": UPLOADS,
        "read": READS,
        "delete": DELETES * 0.7,
        "erase": DELETES * 0.3,
        "restore": RESTORES,
    }
    for deed, rate in rates.items():
        at = 0.0
        for number in range(int(rate * seconds * 2)):
            at += rng.expovariate(rate)
            if at >= seconds:
                break
            durability = rng.choice(["local"] * 6 + ["regions:2", "all"])
            yield Act(at, deed, number, rng.choice(NODES), rng.random(), durability)


def _breakages(rng: random.Random, seconds: float, victim: str) -> Iterator[Breakage]:
    kinds: dict[Fault, int] = {
        "kill": 6,
        "freeze": 3,
        "engine": 3,
        "wipe streams": 1,
        "empty catalog": 1,
        "flip a bit": 3,
        "lose a file": 2,
        "lose the index": 1,
    }
    at = 2.0
    while at < seconds - 2.0:
        (fault,) = rng.choices(list(kinds), weights=list(kinds.values()))
        yield Breakage(at, fault, _target(rng, fault, victim), rng.uniform(0.5, MOST_DOWN), rng.random())
        at += rng.uniform(0.3, 2.0) * FAULT_EVERY


def _target(rng: random.Random, fault: Fault, victim: str) -> str:
    if fault in {"kill", "freeze"}:
        return rng.choice(DAEMONS)
    if fault == "engine":
        return rng.choice(ENGINES)
    return victim if fault in {"flip a bit", "lose a file", "lose the index"} else "all"
