"""The health of the set's other nodes, from their heartbeats: a hung peer must not be asked first. I/O.

Without NATS nobody is heard and every peer is unknown, which counts as well; then what requests themselves
learn (atoll/hedging.py) is all there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from atoll.bus import Bus
from atoll.health import HealthTable, State
from atoll.heartbeat import Heartbeat
from atoll.set_beats import SetBeats, WatchedMap
from atoll.signing import Keys


class PeerHealth:
    """`clock` gives monotonic seconds. A node that was heard is suspect only while others can be heard."""

    def __init__(
        self,
        bus: Bus,
        cluster: WatchedMap,
        keys: Keys,
        node: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus, self._clock = bus, clock
        self._table = HealthTable()
        self._beats = SetBeats(bus, cluster, keys, node, self._heard, self._table.forget)

    def state(self, node: str) -> State:
        """A node's state now; unknown while NATS is away, unless the node said itself that it fails."""
        state = self._table.state(node, self._clock())
        beat = self._table.heartbeat(node)
        if state == "suspect" and not self._bus.connected and beat and beat.state != "failing":
            return "unknown"
        return state

    async def run(self) -> None:
        """Listen for ever, once there is a connection."""
        await self._beats.run()

    def _heard(self, beat: Heartbeat) -> None:
        self._table.heard(beat, self._clock())
