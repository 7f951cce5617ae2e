"""The other nodes' health, from their heartbeats: a hung peer must not be asked first. I/O.

Without NATS nobody is heard and every peer is unknown, which counts as well; then what requests themselves
learn (atoll/hedging.py) is all there is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from nats.aio.msg import Msg

from atoll.bus import Bus
from atoll.events import ALL_HEARTBEATS, BadEvent, open_heartbeat
from atoll.health import HealthTable, State
from atoll.signing import Keys

log = logging.getLogger(__name__)


class PeerHealth:
    """`clock` gives monotonic seconds. A node that was heard is suspect only while others can be heard."""

    def __init__(self, bus: Bus, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus, self._keys, self._clock = bus, keys, clock
        self._table = HealthTable()

    def state(self, node: str) -> State:
        """A node's state now; unknown while NATS is away, unless the node said itself that it fails."""
        state = self._table.state(node, self._clock())
        beat = self._table.heartbeat(node)
        if state == "suspect" and not self._bus.connected and beat and beat.state != "failing":
            return "unknown"
        return state

    async def run(self) -> None:
        """Subscribe once there is a connection; NATS calls us from then on."""
        await self._bus.subscribe(ALL_HEARTBEATS, self._heard)

    async def _heard(self, message: Msg) -> None:
        try:
            beat = open_heartbeat(message.subject, message.data, message.headers, self._keys)
        except BadEvent as error:
            log.debug("a heartbeat on %s was refused: %s", message.subject, error)
            return
        self._table.heard(beat, self._clock())
