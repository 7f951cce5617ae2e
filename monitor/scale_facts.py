"""What growth is decided from: nodes, sets, forecasts and how long regions were busy, at one moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from atoll.cluster import ClusterMap
from atoll.heartbeat import Heartbeat
from monitor.node_table import NodeRow


class NodeFact(NamedTuple):
    """One node that is not removed. `free`: 0 to 1 above its reserve, None: not said yet."""

    name: str
    region: str
    set: str
    active: bool
    healthy: bool
    free: float | None
    load: float


class Facts(NamedTuple):
    """One moment. `days`: to full, by set; `busy`: seconds above the region's cpu_percent without a pause."""

    nodes: tuple[NodeFact, ...]
    sealed: frozenset[str]
    names: frozenset[str]  # every node and set ever in the map
    regions: frozenset[str]
    days: Mapping[str, float]
    busy: Mapping[str, float]

    def here(self, name: str) -> bool:
        """Whether the node is a healthy, active member."""
        return any(n.name == name and n.active and n.healthy for n in self.nodes)


class BusyWatch:
    """Since when each region's nodes are busier, in the mean, than its policy allows."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(self, loads: Mapping[str, float], limits: Mapping[str, float], now: float) -> dict[str, float]:
        """Seconds that each region has been above its limit (a load; 0: none), at `now` (seconds)."""
        above = {r for r, load in loads.items() if 0 < limits.get(r, 0) < load}
        self._since = {region: self._since.get(region, now) for region in above}
        return {region: now - since for region, since in self._since.items()}


def mean_loads(nodes: Iterable[NodeFact]) -> dict[str, float]:
    """The mean load of each region's healthy nodes."""
    loads: dict[str, list[float]] = {}
    for node in nodes:
        if node.healthy:
            loads.setdefault(node.region, []).append(node.load)
    return {region: sum(found) / len(found) for region, found in loads.items()}


def node_facts(rows: Sequence[NodeRow]) -> tuple[NodeFact, ...]:
    """The nodes of the map, as last heard."""
    return tuple(_fact(row) for row in rows if row.mapped)


def _fact(row: NodeRow) -> NodeFact:
    node, beat = row.node, row.beat
    healthy, active = row.state == "healthy", node.state == "active"
    free, load = (_free(beat), beat.load) if beat is not None else (None, 0.0)
    return NodeFact(node.name, node.region, node.set, active, healthy, free, load)


def _free(beat: Heartbeat) -> float | None:
    usable = beat.bytes_total - beat.bytes_reserved
    if not beat.bytes_total:
        return None
    return max(0, beat.bytes_free - beat.bytes_reserved) / usable if usable > 0 else 0.0


def facts_of(
    nodes: tuple[NodeFact, ...], cluster: ClusterMap, days: Mapping[str, float], busy: Mapping[str, float]
) -> Facts:
    """All of it as one value."""
    sealed = frozenset(s.name for s in cluster.sets.values() if s.sealed)
    names = frozenset((*cluster.nodes, *cluster.sets))
    return Facts(nodes, sealed, names, frozenset(cluster.regions), days, busy)


class Settled:
    """Whether the cluster is known well enough to be grown: its nodes have not changed for a while.

    A monitor that has just started, or a cluster that is just being built, would see regions without nodes
    and order some that are coming anyway.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._names: frozenset[str] | None = None
        self._since = 0.0

    def look(self, names: frozenset[str], now: float) -> bool:
        """With these names in the map at `now` (seconds)."""
        if names != self._names:
            self._names, self._since = names, now
        return bool(names) and now - self._since >= self._seconds
