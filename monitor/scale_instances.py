"""The nodes that the monitor had started, each with its state, and how they move on by themselves. Pure.

    recorded ──► asked ──► launched ──► joined
       ▲           │           │
       └───────────┴───────────┘  failed, not answered, never joined: again after a rest, then given_up

`recorded` and `asked` are durable before the provider hears anything. Who finds an `asked` that nobody
carries on knows that a machine may be there, and asks for it before it starts another (scale_calls.py).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from atoll.model import Label, Milliseconds
from atoll.signing import CLOCK_LEEWAY_MS
from monitor.scale_departures import RETRY_CAP_SECONDS, Departure, rests
from monitor.scale_departures import pruned as departed
from monitor.scale_policy import ScalePolicy

InstanceState = Literal["recorded", "asked", "launched", "joined", "given_up"]
OPEN: frozenset[InstanceState] = frozenset({"recorded", "asked", "launched"})
MAX_KEPT = 200  # that joined: they are remembered for cool-downs and for people
ASKED_GRACE_SECONDS = 10.0  # beyond all that one round with the provider may take
CALLS_OF_A_TRY = 3  # status, end, launch


class Instance(Struct, frozen=True):
    """One node that was ordered. `tries`: begun so far; `due_at`: when the next may begin.

    `overdue`: the provider said that it runs, and it never joined.
    """

    name: Label
    region: Label
    set: Label
    why: str
    decided_at: Milliseconds
    state: InstanceState = "recorded"
    since: Milliseconds = 0
    tries: int = 0
    due_at: Milliseconds = 0
    overdue: bool = False
    error: str = ""
    reference: str = ""


class Scaling(Struct, frozen=True):
    """The document that all monitors share."""

    instances: tuple[Instance, ...] = ()
    departures: tuple[Departure, ...] = ()

    def pruned(self) -> Scaling:
        """Without the oldest of those that joined, and of those that left."""
        joined = [i for i in self.instances if i.state == "joined"]
        gone = {i.name for i in sorted(joined, key=lambda i: i.decided_at)[: max(0, len(joined) - MAX_KEPT)]}
        kept = tuple(i for i in self.instances if i.name not in gone)
        return Scaling(kept, departed(self.departures))


def moved_on(one: Instance, *, here: bool, now: int, policy: ScalePolicy, mapped: bool = False) -> Instance:
    """The instance at `now` (Unix ms). `here`: its node is in the map, active and healthy; `mapped`: it is
    there at least. That one is not overdue: it has joined, and its machine may hold images."""
    if here and one.state != "joined":
        return replace(one, state="joined", since=now, error="", overdue=False)
    waited = (now - one.since) / 1000
    if waited * 1000 < -CLOCK_LEEWAY_MS and one.state in OPEN:
        return replace(one, since=now)  # a clock was put back: how long it has been, nobody knows
    if one.state == "launched" and waited >= policy.join_seconds:
        if mapped:
            told = f"it is in the cluster map, but was not found healthy within {policy.join_seconds:g} s"
        else:
            told = f"the provider said it was started, but it did not join within {policy.join_seconds:g} s"
        return failed(replace(one, overdue=not mapped), told, now, policy)
    if one.state == "asked" and waited >= asked_seconds(policy):
        return failed(one, "the monitor ended while the provider was asked", now, policy)
    return one


def asked_seconds(policy: ScalePolicy) -> float:
    """How long nobody but the monitor that asked may go on with an instance."""
    return CALLS_OF_A_TRY * policy.provider.timeout_seconds + ASKED_GRACE_SECONDS


def failed(one: Instance, error: str, now: int, policy: ScalePolicy) -> Instance:
    """After a try that did not succeed: another one later, or no more."""
    if one.tries >= policy.tries:
        return replace(one, state="given_up", since=now, error=error)
    rest = min(RETRY_CAP_SECONDS, policy.retry_seconds * 2 ** max(0, one.tries - 1))
    return replace(one, state="recorded", since=now, due_at=now + int(rest * 1000), error=error)


def asked(one: Instance, now: int) -> Instance:
    """The next try begins."""
    return replace(one, state="asked", since=now, tries=one.tries + 1)


def is_due(one: Instance, now: int) -> bool:
    """Whether the provider is to be asked now."""
    return one.state == "recorded" and not rests(one.due_at, now)
