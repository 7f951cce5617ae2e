"""What the monitor's JSON says: its shapes, and how they are made from rows and readings. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from atoll.cluster import ClusterMap
from atoll.health import State
from atoll.heartbeat import Heartbeat
from atoll.model import Node
from atoll.node_api import rfc3339
from monitor.capacity import Reading, grouped, node_readings, set_readings
from monitor.node_table import NodeRow

SetState = Literal["healthy", "degraded", "down"]
STATES: tuple[State, ...] = ("healthy", "suspect", "unknown")
SET_STATES: tuple[SetState, ...] = ("healthy", "degraded", "down")


class NodeView(Struct, frozen=True):
    """One node: its place in the cluster map, its state and why, and its last heartbeat, however old."""

    node: Node
    mapped: bool
    state: State
    reason: str
    state_since: str
    state_seconds: float
    heard_at: str | None
    used_percent: float | None
    heartbeat: Heartbeat | None


class SetView(Struct, frozen=True):
    """One replica set: healthy when all its members are, and they stand in two regions or more."""

    name: str
    sealed: bool
    state: SetState
    reason: str
    members: tuple[str, ...]
    healthy_members: tuple[str, ...]
    regions: tuple[str, ...]
    used_percent: float | None
    bytes_free: int | None


class CapacityView(Struct, frozen=True):
    """How full one node or set is."""

    name: str
    region: str | None
    set: str
    bytes_total: int
    bytes_free: int
    used_percent: float


class ClusterCapacity(Struct, frozen=True):
    """The whole: sums over all nodes (every copy counts), then every set and node."""

    bytes_total: int
    bytes_free: int
    sets: tuple[CapacityView, ...]
    nodes: tuple[CapacityView, ...]


class ClusterHealth(Struct, frozen=True):
    """The cluster in one look; `problems` says in sentences what is not as it should be."""

    state: Literal["healthy", "degraded"]
    nats_connected: bool
    nodes: dict[str, int]
    sets: dict[str, int]
    alerts: int
    heartbeats_refused: dict[str, int]
    problems: tuple[str, ...]


def node_view(row: NodeRow, now_ms: int) -> NodeView:
    """`row` as shown."""
    readings = node_readings([row])
    return NodeView(
        node=row.node,
        mapped=row.mapped,
        state=row.state,
        reason=row.reason,
        state_since=rfc3339(row.since_ms),
        state_seconds=max(0, now_ms - row.since_ms) / 1000,
        heard_at=None if row.heard_ms is None else rfc3339(row.heard_ms),
        used_percent=readings[0].used_percent if readings else None,
        heartbeat=row.beat,
    )


def set_views(rows: Sequence[NodeRow], cluster: ClusterMap) -> list[SetView]:
    """Every set that the map names or a node belongs to, by name."""
    readings = {reading.set: reading for reading in set_readings(node_readings(rows))}
    members = dict(grouped(rows, lambda row: row.node.set))
    return [
        _set_view(name, members.get(name, []), cluster, readings.get(name))
        for name in sorted(members.keys() | set(cluster.sets))
    ]


def _set_view(name: str, rows: list[NodeRow], cluster: ClusterMap, reading: Reading | None) -> SetView:
    state, reason = judge_set(rows)
    return SetView(
        name=name,
        sealed=name in cluster.sets and cluster.sets[name].sealed,
        state=state,
        reason=reason,
        members=tuple(row.node.name for row in rows),
        healthy_members=tuple(row.node.name for row in rows if row.state == "healthy"),
        regions=tuple(sorted({row.node.region for row in rows})),
        used_percent=reading.used_percent if reading else None,
        bytes_free=reading.bytes_free if reading else None,
    )


def judge_set(rows: Sequence[NodeRow]) -> tuple[SetState, str]:
    """A set's state and the reason, from its members."""
    absent = [row.node.name for row in rows if row.state != "healthy"]
    if len(absent) == len(rows):
        return "down", "no member is known to be healthy"
    if absent:
        return "degraded", f"not healthy: {', '.join(absent)}"
    if len({row.node.region for row in rows}) < 2:
        return "degraded", "all members stand in one region"
    return "healthy", "all members are healthy, in two regions or more"


def capacity_view(rows: Iterable[NodeRow]) -> ClusterCapacity:
    """How full everything is."""
    nodes = node_readings(rows)
    return ClusterCapacity(
        bytes_total=sum(reading.bytes_total for reading in nodes),
        bytes_free=sum(reading.bytes_free for reading in nodes),
        sets=tuple(_capacity(reading) for reading in set_readings(nodes)),
        nodes=tuple(_capacity(reading) for reading in nodes),
    )


def _capacity(reading: Reading) -> CapacityView:
    return CapacityView(
        reading.subject.name,
        reading.region,
        reading.set,
        reading.bytes_total,
        reading.bytes_free,
        reading.used_percent,
    )


def health_view(
    rows: Sequence[NodeRow],
    sets: Sequence[SetView],
    alerts: Sequence[str],
    *,
    connected: bool,
    refused: dict[str, int],
) -> ClusterHealth:
    """The whole cluster; `alerts` are the sentences of those that stand."""
    problems = [] if connected else ["NATS does not bring the monitor what is sent"]
    problems += [f"set {s.name} is {s.state}: {s.reason}" for s in sets if s.state != "healthy"]
    problems += [f"node {r.node.name} is {r.state}: {r.reason}" for r in rows if r.state != "healthy"]
    problems += alerts
    return ClusterHealth(
        state="degraded" if problems else "healthy",
        nats_connected=connected,
        nodes=count_states((row.state for row in rows), STATES),
        sets=count_states((view.state for view in sets), SET_STATES),
        alerts=len(alerts),
        heartbeats_refused=refused,
        problems=tuple(problems),
    )


def count_states(found: Iterable[str], states: Sequence[str]) -> dict[str, int]:
    """How many there are of each state, those of none included."""
    counted = Counter(found)
    return {state: counted[state] for state in states}
