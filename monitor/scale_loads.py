"""For how long regions were busy, or had a node too many: from the load of their nodes' heartbeats. Pure.

A heartbeat's load is that of one second, and one quiet second is no pause in a busy hour: what is held
against the policy is smoothed, over a tenth of the time that it must last, 30 s at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from monitor.scale_facts import NodeFact
from monitor.scale_policy import RegionPolicy

SMOOTHED_SHARE, SMOOTHED_MOST = 0.1, 30.0  # of the time it must last; seconds


class LongSince:
    """For how long each region, or set, has been so without a pause."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(self, names: Iterable[str], now: float) -> dict[str, float]:
        """Those that are so at `now` (seconds), and for how many seconds they have been."""
        self._since = {name: self._since.get(name, now) for name in names}
        return {name: now - since for name, since in self._since.items()}


class Smoothed:
    """Loads without what lasts a moment only: an exponential mean over `seconds`, by region."""

    def __init__(self) -> None:
        self._means: dict[str, tuple[float, float]] = {}

    def look(self, loads: Mapping[str, float], seconds: Mapping[str, float], now: float) -> dict[str, float]:
        """The means at `now` (seconds), of the regions that have a load now."""
        self._means = {r: (now, self._mean(r, load, seconds.get(r, 0.0), now)) for r, load in loads.items()}
        return {region: mean for region, (_, mean) in self._means.items()}

    def _mean(self, region: str, load: float, seconds: float, now: float) -> float:
        at, mean = self._means.get(region, (now, load))
        kept = math.exp(-(now - at) / seconds) if seconds > 0 else 0.0
        return load + (mean - load) * kept


class LoadWatch:
    """`look` is called at every turn; it answers for how long each region was busy, and idle."""

    def __init__(self, rules: Mapping[str, RegionPolicy]) -> None:
        self._rules = rules
        self._high, self._low = Smoothed(), Smoothed()
        self._busy, self._idle = LongSince(), LongSince()

    def look(self, nodes: Iterable[NodeFact], now: float) -> tuple[dict[str, float], dict[str, float]]:
        """Seconds above `cpu_percent`, and seconds in which one node less would have stayed below
        `in.cpu_percent`; both without a pause, by region."""
        nodes = list(nodes)
        limits = {name: rule.cpu_percent / 100 for name, rule in self._rules.items()}
        floors = {name: rule.shrink.cpu_percent / 100 for name, rule in self._rules.items() if rule.shrink}
        over = {name: smoothing(rule.cpu_minutes) for name, rule in self._rules.items()}
        under = {name: smoothing(r.shrink.minutes) for name, r in self._rules.items() if r.shrink}
        high = self._high.look(mean_loads(nodes), over, now)
        low = self._low.look(mean_loads(nodes, fewer=1), under, now)
        busy = (region for region, load in high.items() if 0 < limits.get(region, 0) < load)
        idle = (region for region, load in low.items() if load < floors.get(region, 0))
        return self._busy.look(busy, now), self._idle.look(idle, now)


def smoothing(minutes: float) -> float:
    """Over how many seconds a load is smoothed that must last for so many minutes."""
    return min(SMOOTHED_MOST, minutes * 60 * SMOOTHED_SHARE)


def mean_loads(nodes: Iterable[NodeFact], fewer: int = 0) -> dict[str, float]:
    """The mean load of each region's healthy nodes, if so many `fewer` had to do all of the work."""
    loads: dict[str, list[float]] = {}
    for node in nodes:
        if node.healthy:
            loads.setdefault(node.region, []).append(node.load)
    return {
        region: sum(found) / (len(found) - fewer) for region, found in loads.items() if len(found) > fewer
    }
