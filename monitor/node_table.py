"""The nodes as the monitor knows them: last heartbeat, state, reason, time in state.

Written by heartbeats.py, read by everything else through `rows`. A node that is not in the cluster map but
sends sealed heartbeats is shown too, and forgotten when it has been silent for `FORGET_AFTER`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from atoll.cluster import ClusterMap
from atoll.health import State
from atoll.heartbeat import Heartbeat
from atoll.model import Node
from monitor.clock import Clock
from monitor.node_state import Verdict, judge

log = logging.getLogger(__name__)

FORGET_AFTER = 600.0  # seconds; only for nodes outside the cluster map


class _Heard(NamedTuple):
    beat: Heartbeat
    at: float
    at_ms: int


class _Standing(NamedTuple):
    state: State
    since_ms: int


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node now. `since_ms`: when it entered this state; `heard_ms`: when its last heartbeat came."""

    node: Node
    mapped: bool
    state: State
    reason: str
    since_ms: int
    heard_ms: int | None
    beat: Heartbeat | None


class NodeTable:
    """All nodes; single-threaded, owned by the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[str, _Heard] = {}
        self._standing: dict[str, _Standing] = {}
        self._listening: float | None = None

    def listen_anew(self) -> None:
        """Heartbeats can be heard from now on; what was missed before says nothing of any node."""
        self._listening = self._clock.monotonic()

    def deaf(self) -> None:
        """Heartbeats cannot be heard now."""
        self._listening = None

    def heard(self, beat: Heartbeat) -> None:
        """A heartbeat came that was found genuine."""
        self._heard[beat.node] = _Heard(beat, self._clock.monotonic(), self._clock.now_ms())

    def rows(self, cluster: ClusterMap) -> list[NodeRow]:
        """Every node of the map that is not removed, and the unmapped ones lately heard; by name."""
        self._forget(cluster)
        rows = [self._row(node, mapped) for node, mapped in self._nodes(cluster)]
        present = {row.node.name for row in rows}
        self._standing = {name: s for name, s in self._standing.items() if name in present}
        return sorted(rows, key=lambda row: row.node.name)

    def _nodes(self, cluster: ClusterMap) -> Iterator[tuple[Node, bool]]:
        for node in cluster.nodes.values():
            if node.state != "removed":
                yield node, True
        for name, heard in self._heard.items():
            if name not in cluster.nodes:
                yield Node(name, heard.beat.region, heard.beat.set, heard.beat.url), False

    def _row(self, node: Node, mapped: bool) -> NodeRow:
        heard = self._heard.get(node.name)
        verdict = judge(
            heard.at if heard else None,
            self._listening,
            self._clock.monotonic(),
            heard.beat.state if heard else None,
        )
        reason = verdict.reason if mapped else f"{verdict.reason}; not in the cluster map"
        since_ms = self._since(node.name, verdict)
        return NodeRow(
            node,
            mapped,
            verdict.state,
            reason,
            since_ms,
            heard.at_ms if heard else None,
            heard.beat if heard else None,
        )

    def _since(self, name: str, verdict: Verdict) -> int:
        standing = self._standing.get(name)
        if standing and standing.state == verdict.state:
            return standing.since_ms
        facts = {"node": name, "state": verdict.state, "was": standing.state if standing else None}
        level = logging.WARNING if verdict.state == "suspect" else logging.INFO
        log.log(level, "node %s is %s: %s", name, verdict.state, verdict.reason, extra=facts)
        self._standing[name] = _Standing(verdict.state, self._clock.now_ms())
        return self._standing[name].since_ms

    def _forget(self, cluster: ClusterMap) -> None:
        oldest = self._clock.monotonic() - FORGET_AFTER
        for name in [n for n, h in self._heard.items() if n not in cluster.nodes and h.at < oldest]:
            del self._heard[name]
