"""Whether a region grows, by which nodes, and why or why not. Pure.

Each region of the policy gets one verdict. Room for images grows by whole sets, so that every image still
stands in two regions: a set's members all hold the same. Busy processors get one more replica of the set that
is read most. A set left with fewer than two regions is refilled. Regions are looked at one after the other,
and each counts what was decided for those before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from monitor.scale_departures import LEAVING, Departure
from monitor.scale_departures import OPEN as UNDER_WAY
from monitor.scale_facts import Facts
from monitor.scale_instances import OPEN, Instance
from monitor.scale_needs import Need, needs_of
from monitor.scale_policy import ScalePolicy

MIN_REGIONS = 2
MAX_LABEL = 32


class Verdict(Struct, frozen=True):
    """About one region now. `why`: the figures, in words; `blocked`: what forbids the growth it needs;
    `leaves`: the nodes that go (scale_in_decide.py)."""

    region: str
    grows: bool
    why: tuple[str, ...]
    blocked: str = ""
    launches: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()


@dataclass
class Board:
    """The facts, and what has been decided so far, while one decision is made."""

    policy: ScalePolicy
    facts: Facts
    instances: list[Instance]
    now: int
    departures: Sequence[Departure] = ()
    new: list[Instance] = field(default_factory=list)

    @property
    def known(self) -> list[Instance]:
        return [*self.instances, *self.new]

    def count(self, region: str) -> int:
        """Nodes of the region, those under way included."""
        here = {n.name for n in self.facts.nodes if n.region == region}
        return len(here | {i.name for i in self.known if i.region == region and i.state in OPEN})

    def forbids(self, region: str) -> str:
        """Why no node may be added to the region; "" if one may."""
        rule = self.policy.region.get(region)
        if rule is None:
            return f"{region} has no policy"
        if region not in self.facts.regions:
            return f"{region} is not in the cluster map: its first node is started by hand"
        if (count := self.count(region)) >= rule.max:
            return f"{region} has {count} nodes, which is its maximum"
        if given_up := [i.name for i in self.known if i.region == region and i.state == "given_up"]:
            return f"{region}: {given_up[0]} was given up; `atoll scale retry` or `atoll scale forget` it"
        if back := [
            d.name for d in self.departures if d.region == region and d.state in LEAVING and not d.by_hand
        ]:
            return f"{region}: {back[0]} was leaving and is taken back first"
        cooled = self._cooled_at(region, rule.cooldown_seconds)
        if cooled > self.now:
            return f"{region} cools down for {(cooled - self.now) / 1000:.0f} s more"
        return self._budget(region)

    def _cooled_at(self, region: str, seconds: float) -> float:
        """Those of this very decision do not count: a set is one growth. Nor does what a clock wrote that
        has been put back since: a region does not cool down for years."""
        times = (i.decided_at for i in self.instances if i.region == region)
        last = max((at for at in times if at <= self.now + seconds * 1000), default=None)
        return 0.0 if last is None else last + seconds * 1000

    def _budget(self, region: str) -> str:
        budget = self.policy.monthly_budget
        if budget is None:
            return ""
        prices = {name: rule.monthly_cost for name, rule in self.policy.region.items()}
        regions = {n.region for n in self.facts.nodes} | {i.region for i in self.known}
        cost = sum(prices.get(name, 0.0) * self.count(name) for name in regions) + prices[region]
        return (
            f"{region}: with one more, a month costs {cost:g} of {budget:g}" if _beyond(cost, budget) else ""
        )

    def add(self, region: str, set_name: str, why: str) -> Instance:
        """Decide on one more node."""
        made = Instance(self._node_name(region), region, set_name, why, self.now, since=self.now)
        self.new.append(made)
        return made

    def _node_name(self, region: str) -> str:
        taken = self.facts.names | {i.name for i in self.known}
        names = (f"{region[: MAX_LABEL - 4].rstrip('-')}-{number}" for number in range(1, 10_000))
        return next(name for name in names if name not in taken)

    def set_name(self) -> str:
        """A name that no set had."""
        sets = {n.set for n in self.facts.nodes} | {i.set for i in self.known} | self.facts.names
        numbers = [int(found[1]) for name in sets if (found := re.fullmatch(r"s(\d{1,6})", name))]
        return f"s{max(numbers, default=0) + 1}"


def decide(
    policy: ScalePolicy,
    facts: Facts,
    instances: Iterable[Instance],
    now: int,
    departures: Sequence[Departure] = (),
) -> tuple[list[Verdict], list[Instance]]:
    """A verdict for each region of the policy, and the nodes to be started. `now`: Unix milliseconds."""
    leaving = {d.set for d in departures if d.whole and d.state in UNDER_WAY}
    board = Board(policy, facts.without(leaving), list(instances), now, departures)
    return [_verdict(board, region) for region in sorted(policy.region)], board.new


def _verdict(board: Board, region: str) -> Verdict:
    needs = needs_of(region, board.policy.region[region], board.facts, board.known)
    said = tuple(need.text for need in needs)
    for need in needs:
        if not need.real:
            continue
        before = len(board.new)
        blocked = _meet(board, region, need)
        launches = tuple(f"{i.name} in set {i.set}" for i in board.new[before:])
        return Verdict(region, grows=bool(launches), why=said, blocked=blocked, launches=launches)
    return Verdict(region, grows=False, why=said)


def _meet(board: Board, region: str, need: Need) -> str:
    """Decide on what meets the need; why not, if it cannot be met."""
    if blocked := board.forbids(region):
        return blocked
    if need.set is not None:
        board.add(region, need.set, need.text)
        return ""
    return _whole_set(board, region, need)


def _whole_set(board: Board, region: str, need: Need) -> str:
    chosen = [region]
    reasons = []
    for other in _others(board, region, need.like):
        if not (forbidden := board.forbids(other)):
            chosen.append(other)
        else:
            reasons.append(forbidden)
        if len(chosen) >= max(MIN_REGIONS, len(need.like)):
            break
    if len(chosen) < MIN_REGIONS:
        return "a set needs two regions: " + ("; ".join(reasons) or "there is no other in the policy")
    if blocked := _too_dear(board, chosen):
        return blocked
    name = board.set_name()
    for one in chosen:
        board.add(one, name, need.text)
    return ""


def _others(board: Board, region: str, like: Sequence[str]) -> list[str]:
    """The regions of the set that is to be relieved first, then every other one of the policy."""
    first = [one for one in like if one != region]
    return first + sorted(set(board.policy.region) - {region, *first})


def _too_dear(board: Board, regions: Sequence[str]) -> str:
    """Whether the whole set is beyond the budget, though each node alone is not."""
    budget = board.policy.monthly_budget
    if budget is None:
        return ""
    prices = {name: rule.monthly_cost for name, rule in board.policy.region.items()}
    now = sum(price * board.count(name) for name, price in prices.items())
    cost = now + sum(prices[name] for name in regions)
    return (
        f"a set in {', '.join(regions)} would cost {cost:g} a month of {budget:g}"
        if _beyond(cost, budget)
        else ""
    )


def _beyond(cost: float, budget: float) -> bool:
    """By more than a sum of floats is wrong by: less than half a cent."""
    return cost - budget >= 0.005
