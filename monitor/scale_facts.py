"""What growth is decided from: nodes, sets, forecasts and how long regions were busy or idle. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from atoll.cluster import ClusterMap
from atoll.heartbeat import Heartbeat
from monitor.node_table import NodeRow


class NodeFact(NamedTuple):
    """One node that is not removed. `free`: 0 to 1 above its reserve, None: not said yet.

    `used`, `room`: bytes on its disk, and left above the reserve; `blobs`: None: not said yet. `suspect`: it
    should be heard and is not, or its disk gives no answer; one that cannot be judged is neither.
    """

    name: str
    region: str
    set: str
    active: bool
    healthy: bool
    free: float | None
    load: float
    used: int = 0
    room: int = 0
    blobs: int | None = None
    suspect: bool = False


class Facts(NamedTuple):
    """One moment. `days`: to full, by set; `busy`: seconds above the region's cpu_percent without a pause;
    `idle`: seconds in which one node less would have done, without a pause; `silent`: seconds in which no
    active member was to be heard, by set."""

    nodes: tuple[NodeFact, ...]
    sealed: frozenset[str]
    names: frozenset[str]  # every node and set ever in the map
    regions: frozenset[str]
    days: Mapping[str, float]
    busy: Mapping[str, float]
    idle: Mapping[str, float] = {}
    silent: Mapping[str, float] = {}

    def here(self, name: str) -> bool:
        """Whether the node is a healthy, active member."""
        return any(n.name == name and n.active and n.healthy for n in self.nodes)

    def without(self, sets: Collection[str]) -> Facts:
        """With the nodes of these sets, which leave whole, as members of nothing. They are told one after
        the other: a set that stands in one region for a moment must not be refilled."""
        return self._replace(
            nodes=tuple(n._replace(active=n.active and n.set not in sets) for n in self.nodes)
        )

    def mapped(self, name: str) -> bool:
        """Whether the node is a member, heard or not."""
        return any(n.name == name for n in self.nodes)


def node_facts(rows: Sequence[NodeRow]) -> tuple[NodeFact, ...]:
    """The nodes of the map, as last heard."""
    return tuple(_fact(row) for row in rows if row.mapped)


def _fact(row: NodeRow) -> NodeFact:
    node, beat = row.node, row.beat
    fact = NodeFact(
        node.name, node.region, node.set, node.state == "active", row.state == "healthy", None, 0.0,
        suspect=row.state == "suspect",
    )  # fmt: skip
    if beat is None:
        return fact
    used, room = beat.bytes_total - beat.bytes_free, max(0, beat.bytes_free - beat.bytes_reserved)
    return fact._replace(free=_free(beat), load=beat.load, used=used, room=room, blobs=beat.blobs)


def _free(beat: Heartbeat) -> float | None:
    usable = beat.bytes_total - beat.bytes_reserved
    if not beat.bytes_total:
        return None
    return max(0, beat.bytes_free - beat.bytes_reserved) / usable if usable > 0 else 0.0


def silent_sets(nodes: Iterable[NodeFact]) -> set[str]:
    """Those of whose active members none takes anything, as far as one can say."""
    nodes = [node for node in nodes if node.active]
    return {n.set for n in nodes} - {n.set for n in nodes if not n.suspect}


def facts_of(
    nodes: tuple[NodeFact, ...],
    cluster: ClusterMap,
    days: Mapping[str, float],
    busy: Mapping[str, float],
    idle: Mapping[str, float],
    silent: Mapping[str, float],
) -> Facts:
    """All of it as one value."""
    sealed = frozenset(s.name for s in cluster.sets.values() if s.sealed)
    names = frozenset((*cluster.nodes, *cluster.sets))
    return Facts(nodes, sealed, names, frozenset(cluster.regions), days, busy, idle, silent)


class Settled:
    """Whether the cluster is known well enough to be grown: its nodes were heard, and the same, for a while.

    A monitor that has just started, or a cluster that is just being built, would see regions without nodes
    and order some that are coming anyway. One that was deaf would decide on figures of before.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._names: frozenset[str] | None = None
        self._since = 0.0

    def look(self, names: frozenset[str], now: float, *, heard: bool) -> bool:
        """With these names in the map at `now` (seconds). `heard`: heartbeats of them all would be heard."""
        names = names if heard else frozenset()
        if names != self._names:
            self._names, self._since = names, now
        return bool(names) and now - self._since >= self._seconds
