"""What the replicator says of itself at GET /health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.lifecycle import Stop
from replicator.gate import NodeGate
from replicator.held import Held
from replicator.parking import Parking
from replicator.regions import Regions

State = Literal["waiting", "running", "paused", "stopping"]


class ReplicatorStatus(Struct, frozen=True):
    """`waiting`: the node has not joined yet; `paused`: it takes no orders now, `paused_reason` says why.

    `backlog`: messages not yet done, per region; null where the stream cannot be asked. `held`: messages
    in our hands. `parked`: since the start.
    """

    name: str
    state: State
    node: str
    bus_connected: bool
    backlog: dict[str, int | None]
    held: int
    parked: int
    paused_reason: str | None


@dataclass(frozen=True)
class StatusSource:
    """Reads the status off the parts; called per request."""

    name: str
    node: str
    stop: Stop
    bus: Bus
    cluster: LiveClusterMap
    gate: NodeGate
    regions: Regions
    held: Held
    parking: Parking

    def __call__(self) -> ReplicatorStatus:
        return ReplicatorStatus(
            name=self.name,
            state=self._state(),
            node=self.node,
            bus_connected=self.bus.connected,
            backlog=self.regions.backlog,
            held=len(self.held),
            parked=self.parking.parked,
            paused_reason=self.gate.reason,
        )

    def _state(self) -> State:
        if self.stop.requested():
            return "stopping"
        if self.node not in self.cluster.current.nodes:
            return "waiting"
        return "running" if self.gate.is_open else "paused"
