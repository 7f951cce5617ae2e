"""Takes heartbeats off core NATS: opens each seal, counts what is refused and why, feeds the node table."""

from __future__ import annotations

import logging
from collections import Counter

from nats.aio.msg import Msg

from atoll.bus import Bus
from atoll.events import ALL_HEARTBEATS, BadEvent, open_heartbeat
from atoll.signing import CLOCK_LEEWAY_MS, Keys
from monitor.clock import Clock
from monitor.node_table import NodeTable

log = logging.getLogger(__name__)

REFUSALS = ("forged", "untimely")


class HeartbeatListener:
    """Counts `taken` and `refused` (by reason) since the start."""

    def __init__(self, bus: Bus, keys: Keys, table: NodeTable, clock: Clock) -> None:
        self._bus, self._keys, self._table, self._clock = bus, keys, table, clock
        self.taken = 0
        self.refused: Counter[str] = Counter(dict.fromkeys(REFUSALS, 0))
        bus.on_reconnect(table.listen_anew)

    async def run(self) -> None:
        """Subscribe at the first connection; the connection itself subscribes again after each reconnect."""
        await self._bus.subscribe(ALL_HEARTBEATS, self._on_message)
        self._table.listen_anew()

    async def _on_message(self, message: Msg) -> None:
        self.take(message.subject, message.data, message.headers)

    def take(self, subject: str, body: bytes, headers: dict[str, str] | None) -> None:
        """One message. Refused: not sealed by us, or not of now (an old heartbeat sent again)."""
        try:
            beat = open_heartbeat(subject, body, headers, self._keys)
        except BadEvent as error:
            self._refuse("forged", subject, str(error))
            return
        behind = self._clock.now_ms() - beat.at
        if abs(behind) > CLOCK_LEEWAY_MS:
            self._refuse("untimely", subject, f"{behind / 1000:.0f} s old: replayed, or the clocks differ")
            return
        self.taken += 1
        self._table.heard(beat)

    def _refuse(self, why: str, subject: str, reason: str) -> None:
        self.refused[why] += 1
        if self.refused[why].bit_count() == 1:  # the 1st, 2nd, 4th, 8th …: a flood must not fill the log
            log.warning("heartbeat refused on %s: %s", subject[:120], reason, extra=dict(self.refused))
