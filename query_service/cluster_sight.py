"""The cluster as this service sees it now: nodes, sets, regions; from the map and the health table. No I/O.

Called by cluster_api.py, which shows each alone, and overview.py, which shows them together.
"""

from __future__ import annotations

from typing import Any

from atoll.heartbeat import Heartbeat
from atoll.model import Node, Region, ReplicaSet
from query_service.cluster_known import ClusterKnown
from query_service.cluster_wire import MemberView, NodeView, RegionView, SetView


class ClusterSight:
    """Each list by name."""

    def __init__(self, known: ClusterKnown) -> None:
        self._cluster, self._health, self._clock = known

    def nodes(self) -> list[NodeView]:
        """Every node the map knows, removed ones too."""
        return [self._node(node) for node in sorted(self._cluster().nodes.values(), key=lambda n: n.name)]

    def sets(self) -> list[SetView]:
        """Every set with its members."""
        return [self._set(each) for each in sorted(self._cluster().sets.values(), key=lambda s: s.name)]

    def regions(self) -> list[RegionView]:
        """Every region with its nodes."""
        return [self._region(each) for each in sorted(self._cluster().regions.values(), key=lambda r: r.name)]

    def _node(self, node: Node) -> NodeView:
        now = self._clock()
        known = self._health.known(node.name)
        beat = known.heartbeat if known else None
        word = known.word if known else None
        return NodeView(
            name=node.name,
            region=node.region,
            set=node.set,
            url=node.url,
            state=node.state,
            health=self._health.state(node.name, now),
            age_ms=int((now - known.seen) * 1000) if known else None,
            ready=word.state if word else None,
            read_only=word.read_only if word else None,
            bytes_free=word.bytes_free if word else None,
            **_beat_facts(beat),
        )

    def _set(self, replica_set: ReplicaSet) -> SetView:
        now = self._clock()
        members = [self._member(node, now) for node in self._cluster().members(replica_set.name)]
        free = [member.bytes_free for member in members if member.bytes_free is not None]
        return SetView(
            name=replica_set.name,
            sealed=replica_set.sealed,
            writable=not replica_set.sealed and any(member.writable for member in members),
            healthy=sum(member.health == "healthy" for member in members),
            bytes_free=min(free, default=None),
            members=members,
        )

    def _member(self, node: Node, now: float) -> MemberView:
        known = self._health.known(node.name)
        word = known.word if known else None
        return MemberView(
            node=node.name,
            region=node.region,
            health=self._health.state(node.name, now),
            writable=self._health.writable(node, self._cluster(), now) is not None,
            bytes_free=word.bytes_free if word else None,
        )

    def _region(self, region: Region) -> RegionView:
        now = self._clock()
        nodes = sorted(
            n.name for n in self._cluster().nodes.values() if n.region == region.name and n.state != "removed"
        )
        healthy = sum(self._health.state(name, now) == "healthy" for name in nodes)
        return RegionView(region.name, region.lat, region.lon, nodes, healthy)


_BEAT_FACTS = (
    "version",
    "load",
    "bytes_total",
    "blobs",
    "outbox",
    "outbox_age_ms",
    "wanted",
    "quarantined",
)


def _beat_facts(beat: Heartbeat | None) -> dict[str, Any]:
    return {name: getattr(beat, name, None) for name in _BEAT_FACTS}
