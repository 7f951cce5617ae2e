"""What a person orders of growth: try a launch again, forget one, have a node or a whole set leave. Pure.

Each takes the shared document as it stands and gives it as it is to be, or raises what forbids it; whoever
calls writes it by compare-and-set (scale_book.py).
"""

from __future__ import annotations

from msgspec.structs import replace

from atoll.errors import Conflict, NotFound
from monitor.scale_departures import TROUBLED, Departure, into
from monitor.scale_facts import Facts
from monitor.scale_in_decide import ordered
from monitor.scale_in_rules import Known
from monitor.scale_instances import Instance, Scaling
from monitor.scale_policy import ScalePolicy

Ordered = Instance | Departure


def find(scaling: Scaling, name: str) -> Ordered:
    """The launch, or else the last departure, of this name, if it waits for a person."""
    launches = [i for i in scaling.instances if i.name == name]
    departures = sorted((d for d in scaling.departures if d.name == name), key=lambda d: d.decided_at)
    found: list[Ordered] = [*departures, *launches]
    if not found:
        raise NotFound("No launch and no departure has this name.", name=name[:80])
    waits = [one for one in found if one.state in TROUBLED]
    if not waits:
        raise Conflict(f"{name} is {found[-1].state}: nothing waits for you.", state=found[-1].state)
    return waits[-1]


def again(scaling: Scaling, name: str, now: int) -> Scaling:
    """With a launch, or the end of a machine, that was given up to be tried once more."""
    one = find(scaling, name)
    if one.state != "given_up":
        raise Conflict(f"{name} is {one.state}; order it anew with `atoll scale in`.", state=one.state)
    if isinstance(one, Instance):
        retried = replace(one, state="recorded", tries=1, due_at=0)
        return replace(scaling, instances=tuple(retried if i is one else i for i in scaling.instances))
    ended = replace(into(one, "removed", now), tries=0, due_at=0)
    return replace(scaling, departures=tuple(ended if d is one else d for d in scaling.departures))


def forgotten(scaling: Scaling, name: str) -> Scaling:
    """Without it."""
    one = find(scaling, name)
    launches = tuple(i for i in scaling.instances if i is not one)
    return Scaling(launches, tuple(d for d in scaling.departures if d is not one))


def leaving(
    scaling: Scaling, name: str, policy: ScalePolicy, facts: Facts, now: int
) -> tuple[Scaling, list[Departure]]:
    """With this node, or this set, on its way out."""
    made = ordered(name, policy, facts, Known(scaling.instances, scaling.departures), now)
    kept = tuple(d for d in scaling.departures if d.name not in {one.name for one in made})
    return replace(scaling, departures=(*kept, *made)), made
