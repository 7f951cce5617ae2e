"""The own node's sources as seen now: the cluster map's distances and the heartbeats' health."""

from __future__ import annotations

from collections.abc import Callable

from atoll.cluster_map import LiveClusterMap
from atoll.events import BlobStored
from atoll.health import State
from replicator.peers import Peers
from replicator.source_order import order_sources


class Sources:
    """Sources for the node called `node`; `clock` gives Unix milliseconds."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        peers: Peers,
        node: str,
        fresh_seconds: float,
        clock: Callable[[], int],
    ) -> None:
        self._cluster, self._peers, self._node = cluster, peers, node
        self._fresh_seconds, self._clock = fresh_seconds, clock

    def age_seconds(self, event: BlobStored) -> float:
        """How long ago the upload was made; 0 when the other machine's clock is ahead of ours."""
        return max(0.0, (self._clock() - event.at) / 1000)

    def of_event(self, event: BlobStored) -> tuple[str, ...]:
        """Whom to ask for an upload, best first."""
        return self._order(event.node, fresh=self.age_seconds(event) < self._fresh_seconds)

    def of_wanted(self) -> tuple[str, ...]:
        """Whom to ask for a blob that was missing for some time."""
        return self._order(None, fresh=False)

    def of_repair(self, peer: str) -> tuple[str, ...]:
        """Whom to ask for what a comparison with `peer` showed: it has it, others may."""
        return self._order(peer, fresh=True)

    def _order(self, origin: str | None, *, fresh: bool) -> tuple[str, ...]:
        cluster = self._cluster.current
        own = cluster.nodes.get(self._node)
        if own is None or own.region not in cluster.regions:
            return ()
        nearest_first = [peer.name for peer in cluster.peers(self._node)]
        state: Callable[[str], State] = self._peers.state
        return order_sources(nearest_first, state, origin, fresh=fresh)
