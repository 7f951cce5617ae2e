"""Who is alive: heartbeats and probes of each node, and what follows from their absence. Pure.

Time is passed in (monotonic seconds). A node is suspect after `SUSPECT_AFTER` seconds without a sign of
life; a probe that is refused after a missed heartbeat says so sooner. While NATS is away nobody's
heartbeat comes, so a probe that succeeds counts as a sign of life too. A node that says itself that its
disk gives no answer (`failing`) is suspect at once: it lives, but whoever is sent there waits in vain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atoll.cluster import ClusterMap
from atoll.heartbeat import Heartbeat
from atoll.model import Node
from atoll.node_api import NodeStatus
from atoll.placement import Candidate

SUSPECT_AFTER = 3.0
PROBE_AFTER = 1.5

State = Literal["healthy", "suspect", "unknown"]


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """What we know of one node. `seen` is when it last gave a sign of life (monotonic seconds).

    `status` is what it answered to a probe since its last heartbeat: the newer word of the two.
    """

    seen: float
    heartbeat: Heartbeat | None = None
    refused: bool = False
    status: NodeStatus | None = None

    @property
    def word(self) -> Heartbeat | NodeStatus | None:
        """What the node last said of itself."""
        return self.status or self.heartbeat

    def state(self, now: float) -> State:
        """Healthy only with a recent sign of life that is not a cry for help."""
        failing = self.word is not None and self.word.state == "failing"
        return "suspect" if self.refused or failing or now - self.seen >= SUSPECT_AFTER else "healthy"


class HealthTable:
    """The health of all nodes, as one daemon sees it."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeHealth] = {}

    def heard(self, beat: Heartbeat, now: float) -> None:
        """A heartbeat came."""
        self._nodes[beat.node] = NodeHealth(seen=now, heartbeat=beat)

    def probed(self, node: str, alive: bool, now: float, status: NodeStatus | None = None) -> None:
        """A probe was answered (with `status`), or refused.

        A refusal does not overrule a heartbeat that came since.
        """
        known = self._nodes.get(node)
        beat = known.heartbeat if known else None
        if alive:
            self._nodes[node] = NodeHealth(seen=now, heartbeat=beat, status=status)
        elif known and now - known.seen >= PROBE_AFTER:
            self._nodes[node] = NodeHealth(known.seen, beat, refused=True, status=known.status)

    def forget(self, node: str) -> None:
        """Nobody listens to it any more: what its silence would mean, it does not."""
        self._nodes.pop(node, None)

    def silent(self, cluster: ClusterMap, now: float) -> list[Node]:
        """The nodes that a probe should ask: no sign of life for `PROBE_AFTER` seconds."""
        return [
            node
            for node in cluster.nodes.values()
            if node.state != "removed"
            and ((known := self._nodes.get(node.name)) is None or now - known.seen >= PROBE_AFTER)
        ]

    def state(self, node: str, now: float) -> State:
        """The node's state; unknown when it was never heard of."""
        known = self._nodes.get(node)
        return known.state(now) if known else "unknown"

    def known(self, node: str) -> NodeHealth | None:
        """All we know of the node; None when it was never heard of."""
        return self._nodes.get(node)

    def heartbeat(self, node: str) -> Heartbeat | None:
        """The node's last heartbeat, however old."""
        known = self._nodes.get(node)
        return known.heartbeat if known else None

    def candidate(self, node: Node, cluster: ClusterMap, now: float) -> Candidate | None:
        """The node as a candidate for placement; None unless it is healthy."""
        region = cluster.regions.get(node.region)
        if region is None or self.state(node.name, now) != "healthy":
            return None
        known = self._nodes[node.name]
        beat, word = known.heartbeat, known.word
        if word and word.state == "stopping":
            return None
        return Candidate(node, region.position, beat.load if beat else 0.0, word.bytes_free if word else 0)

    def writable(self, node: Node, cluster: ClusterMap, now: float) -> Candidate | None:
        """The same, for a new upload: also active, not draining, above its free-space reserve."""
        known = self._nodes.get(node.name)
        word = known.word if known else None
        if node.state != "active" or word is None or word.read_only or word.state != "ready":
            return None
        return self.candidate(node, cluster, now)
