"""What a region lacks, each with its figures in words: nodes, room, regions of a set, processor. Pure.

A need is `real` when something is to be done; the others say why nothing is. Growth that is under way counts
as done. The order is the urgency: a set that stands in one region first, then room, then the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monitor.forecast import time_in_words
from monitor.scale_facts import Facts, NodeFact
from monitor.scale_instances import OPEN, Instance
from monitor.scale_policy import RegionPolicy

SILENT_SECONDS = 900.0  # a set that nobody has heard for so long has no room: machines restart in less


class Need(NamedTuple):
    """`set`: to be extended; None: a new one, in regions `like` these."""

    real: bool
    text: str
    set: str | None = None
    like: tuple[str, ...] = ()


def needs_of(region: str, rule: RegionPolicy, facts: Facts, instances: Sequence[Instance]) -> list[Need]:
    """All of them, the most urgent first."""
    under_way = [i for i in instances if i.state in OPEN]
    found = [
        *_refill(region, facts, under_way),
        _room(region, rule, facts, under_way),
        _open(region, facts, under_way),
        _least(region, rule, facts, under_way),
        _busy(region, rule, facts, under_way),
    ]
    return [need for need in found if need is not None]


def _refill(region: str, facts: Facts, under_way: Sequence[Instance]) -> list[Need]:
    """Sets that stand in one other region only."""
    needs = []
    for name in sorted({n.set for n in facts.nodes if n.active}):
        regions = {n.region for n in facts.nodes if n.set == name and n.active}
        regions |= {i.region for i in under_way if i.set == name}
        if len(regions) < 2 and region not in regions:
            needs.append(Need(True, f"set {name} stands in {', '.join(regions)} alone", name))
    return needs


def _room(region: str, rule: RegionPolicy, facts: Facts, under_way: Sequence[Instance]) -> Need | None:
    """Every set here that takes uploads is nearly full: by its free space, or by its forecast."""
    why = {name: _no_room(name, rule, facts) for name in _writable(region, facts)}
    if roomy := [name for name, said in why.items() if not said]:
        return Need(False, f"set {roomy[0]} has room: {_room_words(roomy[0], facts)}")
    said = "; ".join(why.values())
    heard = [name for name in why if not _silent(name, facts)]
    if not heard:
        return Need(False, said) if said else None
    taken = {*why, *facts.sealed}
    if coming := [i for i in under_way if i.region == region and i.set not in taken]:
        return Need(False, f"{said}; set {coming[0].set} is being started")
    fullest = min(heard, key=lambda name: _free(name, facts))
    return Need(True, said, like=_regions(fullest, facts))


def _open(region: str, facts: Facts, under_way: Sequence[Instance]) -> Need | None:
    """No set of the whole cluster takes uploads: each was sealed, as one seals what is full."""
    here = {n.set for n in facts.nodes if n.region == region and n.active}
    if not here or {n.set for n in facts.nodes if n.active} - facts.sealed:
        return None
    said = "no set takes uploads: all of them are sealed"
    if coming := [i.set for i in under_way if i.set not in facts.sealed]:
        return Need(False, f"{said}; set {coming[0]} is being started")
    return Need(True, said, like=_regions(min(here, key=lambda name: _free(name, facts)), facts))


def _regions(name: str, facts: Facts) -> tuple[str, ...]:
    """Where a set stands."""
    return tuple(sorted({n.region for n in facts.nodes if n.set == name and n.active}))


def _writable(region: str, facts: Facts) -> list[str]:
    here = {n.set for n in facts.nodes if n.region == region and n.active}
    return sorted(here - facts.sealed)


def _no_room(name: str, rule: RegionPolicy, facts: Facts) -> str:
    """Why the next images cannot be counted on to find room in a set; "" when they can."""
    return _silent(name, facts) or _tight(name, rule, facts)


def _silent(name: str, facts: Facts) -> str:
    """Nobody takes uploads there, whatever its nodes' last words say of their disks."""
    seconds = facts.silent.get(name, 0.0)
    return (
        f"set {name} has not been heard for {seconds / 60:.0f} minutes" if seconds >= SILENT_SECONDS else ""
    )


def _tight(name: str, rule: RegionPolicy, facts: Facts) -> str:
    """Why a set counts as nearly full; "" when it does not."""
    free, days = _free(name, facts), facts.days.get(name)
    if rule.free_percent and free * 100 < rule.free_percent:
        return f"set {name} has {free:.0%} free, less than {rule.free_percent:g} %"
    if rule.forecast_days and days is not None and days < rule.forecast_days:
        return f"set {name} will be full in {time_in_words(days)}, less than {rule.forecast_days:g} days"
    return ""


def _free(name: str, facts: Facts) -> float:
    """Of the member with the least, 0 to 1; one that never said so counts as empty."""
    return min((n.free for n in facts.nodes if n.set == name and n.free is not None), default=1.0)


def _room_words(name: str, facts: Facts) -> str:
    days = facts.days.get(name)
    return f"{_free(name, facts):.0%} free" + (f", full in {time_in_words(days)}" if days is not None else "")


def _least(region: str, rule: RegionPolicy, facts: Facts, under_way: Sequence[Instance]) -> Need | None:
    """The region has fewer nodes than its policy's `min`."""
    here = {n.name for n in facts.nodes if n.region == region}
    here |= {i.name for i in under_way if i.region == region}
    if len(here) >= rule.min:
        return None
    said = f"{region} has {len(here)} nodes, fewer than {rule.min}"
    inside = {n.set for n in facts.nodes if n.region == region}
    inside |= {i.set for i in under_way if i.region == region}
    sets = {n.set for n in facts.nodes if n.active} | {i.set for i in under_way}
    lacking = sorted(sets - inside - facts.sealed)
    return Need(True, said, lacking[0]) if lacking else Need(True, said)


def _busy(region: str, rule: RegionPolicy, facts: Facts, under_way: Sequence[Instance]) -> Need | None:
    """Its nodes were above `cpu_percent`, in the mean, for `cpu_minutes`: one more replica of the busiest."""
    seconds = facts.busy.get(region, 0.0)
    if not rule.cpu_percent or not seconds:
        return None
    said = f"{region} has been above {rule.cpu_percent:g} % for {seconds / 60:.1f} minutes"
    if seconds < rule.cpu_minutes * 60:
        return Need(False, f"{said}; it grows after {rule.cpu_minutes:g}")
    if coming := [i.name for i in under_way if i.region == region]:
        return Need(False, f"{said}; {coming[0]} is being started")
    healthy = [n for n in facts.nodes if n.region == region and n.healthy and n.active]
    return Need(True, said, max(healthy, key=_load).set) if healthy else None


def _load(node: NodeFact) -> float:
    return node.load
