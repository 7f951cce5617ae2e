"""The health of the set's nodes, from their heartbeats; and the moment another one comes back. I/O."""

from __future__ import annotations

from collections.abc import Callable

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.health import HealthTable, State
from atoll.heartbeat import Heartbeat
from atoll.set_beats import SetBeats
from atoll.signing import Keys


class Peers:
    """Listens to heartbeats for the node called `node`; `clock` gives monotonic seconds."""

    def __init__(
        self, bus: Bus, cluster: LiveClusterMap, keys: Keys, node: str, clock: Callable[[], float]
    ) -> None:
        self._cluster, self._node, self._clock = cluster, node, clock
        self._table = HealthTable()
        self._beats = SetBeats(bus, cluster, keys, node, self._heard, self._table.forget)
        self._listeners: list[Callable[[], None]] = []

    def state(self, node: str) -> State:
        """A node's state now."""
        return self._table.state(node, self._clock())

    def load(self, node: str) -> float | None:
        """How busy a node says it is, 0 to 1; None when it was not heard of just now."""
        beat = self._table.heartbeat(node)
        return beat.load if beat and self.state(node) == "healthy" else None

    def load_with(self, source: str) -> float | None:
        """The busier of the own node and `source`; None when the own node was not heard of just now."""
        own = self.load(self._node)
        return None if own is None else max(own, self.load(source) or 0.0)

    def on_return(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a peer of the set is heard of after a silence, or for the first time."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Listen for ever, once there is a connection."""
        await self._beats.run()

    def _heard(self, beat: Heartbeat) -> None:
        was_away = self.state(beat.node) != "healthy"
        self._table.heard(beat, self._clock())
        if was_away and self._is_peer(beat):
            for listener in self._listeners:
                listener()

    def _is_peer(self, beat: Heartbeat) -> bool:
        own = self._cluster.current.nodes.get(self._node)
        return own is not None and own.set == beat.set and own.name != beat.node
