"""What the replicator says of itself at GET /health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.lifecycle import Stop
from replicator.anti_entropy_ledger import Ledger, PeerRepair
from replicator.gate import NodeGate
from replicator.held import Held
from replicator.parking import Parking
from replicator.regions import Regions

State = Literal["waiting", "running", "paused", "removed", "stopping"]


class ReplicatorStatus(Struct, frozen=True):
    """`waiting`: the node has not joined yet; `paused`: it takes no orders now, `paused_reason` says why;
    `removed`: it was taken out of the cluster, and nothing is done for it.

    `backlog`: messages not yet done, per region; null where the stream cannot be asked. `held`: messages
    in our hands. `parked`: since the start. `repair`: how the node stands to each peer of its set.
    """

    name: str
    state: State
    node: str
    bus_connected: bool
    backlog: dict[str, int | None]
    held: int
    parked: int
    paused_reason: str | None
    repair: tuple[PeerRepair, ...] = ()


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
    ledger: Ledger

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
            repair=tuple(self.ledger.peers.values()),
        )

    def _state(self) -> State:
        if self.stop.requested():
            return "stopping"
        own = self.cluster.current.nodes.get(self.node)
        if own is None:
            return "waiting"
        if own.state == "removed":
            return "removed"
        return "running" if self.gate.is_open else "paused"
