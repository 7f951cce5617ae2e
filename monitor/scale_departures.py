"""The nodes that leave, each with its state, and what an order to leave may not do. Pure.

    recorded ──► draining ──► removed ──► ended
                    │
                    └──► returning ──► taken_back        too late, or its region needs it after all

Each step is asked of a query service or of the provider, and is harmless to repeat: whoever leads goes on
where the other stood. A node is removed only when the query service has just proven that all it holds is
elsewhere; the provider hears of it only after that. `refused`: the cluster did not let it go.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from atoll.model import Label, Milliseconds
from monitor.scale_policy import ScalePolicy

DepartureState = Literal[
    "recorded", "draining", "returning", "removed", "ended", "taken_back", "refused", "given_up"
]
LEAVING: frozenset[DepartureState] = frozenset({"recorded", "draining", "returning"})
OPEN: frozenset[DepartureState] = LEAVING | {"removed"}
TROUBLED: frozenset[DepartureState] = frozenset({"taken_back", "refused", "given_up"})
RETRY_CAP_SECONDS = 3600.0  # the longest rest between two tries, of launches too
MAX_KEPT = 50  # that are over: they are remembered for cool-downs and for people


class Departure(Struct, frozen=True):
    """One node that leaves. `launched`: the provider started it, and is to end it.

    `whole`: its whole set goes with it; `by_hand`: a person said so. `tries`: of ending its machine.
    `waits`: what the drain waits for.
    """

    name: Label
    region: Label
    set: Label
    why: str
    decided_at: Milliseconds
    state: DepartureState = "recorded"
    since: Milliseconds = 0
    launched: bool = False
    whole: bool = False
    by_hand: bool = False
    tries: int = 0
    due_at: Milliseconds = 0
    waits: str = ""
    error: str = ""


def pruned(departures: tuple[Departure, ...]) -> tuple[Departure, ...]:
    """Without the oldest of those that are over."""
    over = sorted((d for d in departures if d.state not in OPEN), key=lambda d: d.since)
    gone = {id(d) for d in over[: max(0, len(over) - MAX_KEPT)]}
    return tuple(d for d in departures if id(d) not in gone)


def into(one: Departure, state: DepartureState, now: int, error: str = "") -> Departure:
    """The departure, having come so far at `now` (Unix milliseconds)."""
    return replace(one, state=state, since=now, error=error, waits="")


def late(one: Departure, now: int, policy: ScalePolicy) -> bool:
    """Whether it has drained for too long."""
    return one.state == "draining" and now - one.since >= policy.drain_seconds * 1000


def not_ended(one: Departure, error: str, now: int, policy: ScalePolicy) -> Departure:
    """After a try to end its machine that failed: another one later, or no more."""
    tries = one.tries + 1
    if tries >= policy.tries:
        return replace(into(one, "given_up", now, error), tries=tries)
    rest = min(RETRY_CAP_SECONDS, policy.retry_seconds * 2 ** (tries - 1))
    return replace(one, tries=tries, due_at=now + int(rest * 1000), error=error)


def rests(due_at: int, now: int) -> bool:
    """Whether the next try must wait. No rest is longer than the cap, whatever a clock once wrote."""
    return now < due_at <= now + RETRY_CAP_SECONDS * 1000
