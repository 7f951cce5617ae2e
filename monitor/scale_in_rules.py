"""What may leave: a replica that its set can do without, or a whole set that never held anything. Pure.

A blob's set is in every URL of it, so bytes are never moved from set to set: a set that has taken images
stays. These rules keep an order that cannot be carried out from being begun; that the bytes are really
elsewhere is proven by a query service, node by node, before anything is removed. In words; "" is yes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monitor.scale_departures import OPEN, Departure
from monitor.scale_facts import Facts, NodeFact
from monitor.scale_instances import Instance
from monitor.scale_policy import ScalePolicy

MIN_REGIONS = 2


class Known(NamedTuple):
    """All that was ordered so far."""

    instances: Sequence[Instance]
    departures: Sequence[Departure]

    def launched(self, name: str) -> bool:
        """Whether the provider started this node."""
        return any(i.name == name and i.state == "joined" for i in self.instances)

    def leaves(self, name: str) -> bool:
        """Whether the node is on its way out."""
        return any(d.name == name and d.state in OPEN for d in self.departures)


def node_stays(node: NodeFact, policy: ScalePolicy, facts: Facts, known: Known) -> str:
    """Why a replica may not leave."""
    if known.leaves(node.name) or not node.active:
        return f"{node.name} is leaving already"
    if below := below_min(node.region, [node.name], policy, facts, known):
        return below
    others = [n for n in facts.nodes if n.set == node.set and n.name != node.name and n.active]
    others = [n for n in others if not known.leaves(n.name)]
    regions = sorted({n.region for n in others})
    if len(regions) < MIN_REGIONS:
        where = ", ".join(regions) or "no region"
        return f"set {node.set} would stand in {where} alone; its images are to be in {MIN_REGIONS} regions"
    return next((why for other in others if (why := _cannot_take(other, node))), "")


def below_min(region: str, leaving: Sequence[str], policy: ScalePolicy, facts: Facts, known: Known) -> str:
    """Whether the region would have fewer nodes than its policy's `min`."""
    rule = policy.region.get(region)
    here = {n.name for n in facts.nodes if n.region == region and n.active and not known.leaves(n.name)}
    left = len(here - set(leaving))
    if rule is None or left >= rule.min:
        return ""
    return f"{region} would have {left} node{'' if left == 1 else 's'}, fewer than its minimum of {rule.min}"


def _cannot_take(other: NodeFact, leaving: NodeFact) -> str:
    """Why a node that stays could not hold all that the leaving one does."""
    if not other.healthy:
        return f"{other.name}, which would stay in set {other.set}, is not healthy"
    if leaving.blobs is None or other.blobs is None:
        return f"{leaving.name if leaving.blobs is None else other.name} has not said what it holds"
    lacking = leaving.blobs - other.blobs
    if lacking <= 0:
        return ""
    needed = leaving.used * lacking // leaving.blobs
    if needed <= other.room:
        return ""
    return (
        f"{other.name} lacks some {lacking} blobs of it, about {needed} bytes, and has room for {other.room}"
    )


def set_stays(name: str, policy: ScalePolicy, facts: Facts, known: Known) -> str:
    """Why a whole set may not leave."""
    members = [n for n in facts.nodes if n.set == name]
    if any(known.leaves(n.name) for n in members):
        return f"set {name} is leaving already"
    for node in members:
        if not node.healthy or node.blobs is None:
            return f"{node.name} of set {name} does not say what it holds"
        if node.blobs:
            return (
                f"set {name} holds {node.blobs} blobs, whose URLs name it: they cannot move to another "
                "set; a single node of it may leave"
            )
    others = {n.set for n in facts.nodes if n.active and n.healthy and n.set != name} - facts.sealed
    if not others:
        return f"no other set takes uploads than {name}"
    for region in sorted({n.region for n in members}):
        if below := below_min(region, [n.name for n in members], policy, facts, known):
            return below
    return ""
