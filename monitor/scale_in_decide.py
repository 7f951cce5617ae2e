"""Whether a region gives a node back by itself, which one, and why not; and what a person orders. Pure.

By itself only a replica leaves that the provider once started: one at a time in the whole cluster, when one
node less would have done for long, the region neither grew nor shrank lately, and nothing grows anywhere. One
that is leaving comes back when its region has to grow. So load that goes up and down moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from atoll.errors import Conflict, NotFound
from monitor.scale_decide import Verdict
from monitor.scale_departures import LEAVING, OPEN, Departure, into
from monitor.scale_facts import Facts, NodeFact
from monitor.scale_in_rules import Known, node_stays, set_stays
from monitor.scale_instances import OPEN as UNDER_WAY
from monitor.scale_policy import ScalePolicy


def shrink(
    policy: ScalePolicy, facts: Facts, known: Known, verdicts: Iterable[Verdict], now: int
) -> tuple[list[Verdict], list[Departure]]:
    """The verdicts, with what they say of leaving, and who leaves: one node at most."""
    said, new = list(verdicts), list[Departure]()
    waits = _waits(facts, known, said)
    for number, verdict in enumerate(said):
        why, leaving = _of_region(verdict.region, policy, facts, known, now, waits)
        said[number] = replace(verdict, why=(*verdict.why, why) if why else verdict.why)
        if leaving is not None:
            new.append(leaving)
            said[number] = replace(said[number], leaves=(f"{leaving.name} of set {leaving.set}",))
            waits = f"{leaving.name} leaves first"
    return said, new


def _waits(facts: Facts, known: Known, verdicts: Sequence[Verdict]) -> str:
    """What must be over before anything leaves; "" when nothing."""
    if coming := [i.name for i in known.instances if i.state in UNDER_WAY]:
        return f"{coming[0]} is being started"
    if going := [d.name for d in known.departures if d.state in OPEN]:
        return f"{going[0]} is leaving"
    if drained := [n.name for n in facts.nodes if not n.active]:  # by `atoll node drain`
        return f"{drained[0]} is leaving"
    needy = [v.region for v in verdicts if v.grows or v.blocked]
    return f"{needy[0]} has to grow" if needy else ""


def _of_region(
    region: str, policy: ScalePolicy, facts: Facts, known: Known, now: int, waits: str
) -> tuple[str, Departure | None]:
    rule = policy.region[region].shrink
    if rule is None or sum(n.region == region for n in facts.nodes) < 2:
        return "", None
    seconds = facts.idle.get(region)
    if seconds is None:
        return f"with a node less {region} is above {rule.cpu_percent:g} %", None
    said = f"with a node less {region} was below {rule.cpu_percent:g} % for {seconds / 60:.1f} minutes"
    if seconds < rule.minutes * 60:
        return f"{said}; it shrinks after {rule.minutes:g}", None
    rest = int(rule.cooldown_seconds * 1000)
    cooled = _changed_at(region, known, now + rest) + rest
    if cooled > now:
        waits = f"{region} cools down for {(cooled - now) / 1000:.0f} s more"
    if waits:
        return f"{said}; {waits}", None
    chosen, why_not = _choice(region, policy, facts, known)
    if chosen is None:
        return f"{said}; {why_not}", None
    return said, Departure(chosen.name, region, chosen.set, said, now, since=now, launched=True)


def _changed_at(region: str, known: Known, until: int) -> int:
    """When the region last grew or shrank, or tried to (Unix milliseconds). What is said to have been after
    `until`, in the future, was written by a clock that has been put back since."""
    grown = [at for i in known.instances if i.region == region for at in (i.decided_at, i.since)]
    shrunk = [at for d in known.departures if d.region == region for at in (d.decided_at, d.since)]
    return max((at for at in (*grown, *shrunk) if at <= until), default=0)


def _choice(region: str, policy: ScalePolicy, facts: Facts, known: Known) -> tuple[NodeFact | None, str]:
    """The newest that may leave; else why the newest may not."""
    ages = {i.name: i.decided_at for i in known.instances if i.state == "joined" and i.region == region}
    mine = [n for n in facts.nodes if n.name in ages and n.active and n.healthy]
    if not mine:
        return None, "no node here was started by the provider: none leaves by itself"
    mine.sort(key=lambda n: (-ages[n.name], n.name))
    reasons = [node_stays(node, policy, facts, known) for node in mine]
    chosen = next((node for node, why in zip(mine, reasons, strict=True) if not why), None)
    return chosen, "" if chosen else reasons[0]


def called_back(departures: Iterable[Departure], verdicts: Iterable[Verdict], now: int) -> list[Departure]:
    """The departures; those that the policy decided on come back where a region has to grow."""
    needy = {v.region for v in verdicts if v.grows or v.blocked}
    return [
        replace(into(d, "returning", now), waits="its region has to grow")
        if d.region in needy and d.state in LEAVING and d.state != "returning" and not d.by_hand
        else d
        for d in departures
    ]


def ordered(name: str, policy: ScalePolicy, facts: Facts, known: Known, now: int) -> list[Departure]:
    """Those who leave when a person names a node or a set. `NotFound`; `Conflict` says why not."""
    node = next((n for n in facts.nodes if n.name == name), None)
    leaving = [node] if node is not None else [n for n in facts.nodes if n.set == name]
    if not leaving:
        raise NotFound("No node that is in the cluster and no set with nodes has this name.", name=name[:80])
    stays = set_stays(name, policy, facts, known) if node is None else node_stays(node, policy, facts, known)
    if stays:
        raise Conflict(f"{name} stays: {stays}.", name=name)
    return [
        Departure(
            one.name, one.region, one.set, "ordered by hand", now,
            since=now, launched=known.launched(one.name), whole=node is None, by_hand=True,
        )
        for one in leaving
    ]  # fmt: skip
