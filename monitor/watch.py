"""The monitor's loop: look at every node, work out how full things are, hand on what changed.

Reads the node table and the cluster map, owns no state but the figures of the last look, which the HTTP
side shows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from monitor.alert_book import AlertBook
from monitor.alert_memory import AlertMemory, Remembered
from monitor.alert_sinks import AlertSink
from monitor.alerts import CapacityAlert
from monitor.capacity import Subject, node_readings, set_readings
from monitor.clock import Clock
from monitor.node_table import NodeRow, NodeTable

log = logging.getLogger(__name__)


class Watch:
    """Turns heartbeats into states and alerts, every `seconds`."""

    def __init__(
        self,
        bus: Bus,
        cluster_map: LiveClusterMap,
        table: NodeTable,
        book: AlertBook,
        memory: AlertMemory,
        sinks: Sequence[AlertSink],
        clock: Clock,
    ) -> None:
        self._bus, self._map, self._table, self._clock = bus, cluster_map, table, clock
        self._book, self._memory, self._sinks = book, memory, sinks
        self._ended: tuple[CapacityAlert, ...] = ()

    def rows(self) -> list[NodeRow]:
        """Every node now, judged by whether heartbeats can be heard at all."""
        if not self._bus.connected:
            self._table.deaf()
        return self._table.rows(self._map.current)

    async def run(self, seconds: float) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(seconds)

    async def look(self) -> None:
        """One look: raise, change and clear alerts as the figures demand."""
        rows = self.rows()
        nodes = node_readings(rows)
        present = self._present(rows)
        transitions = self._book.evaluate([*nodes, *set_readings(nodes)], present, self._clock.now_ms())
        await self._remember(transitions)
        for alert in transitions:
            for sink in self._sinks:
                sink.offer(alert)

    async def _remember(self, transitions: Sequence[CapacityAlert]) -> None:
        """Before anybody is told: an alert that was sent and then forgotten in a crash would never be ended.

        What stands is announced anew after a restart; an end is kept until every sink has sent it.
        """
        unsent = [alert for sink in self._sinks for alert in sink.unsent]
        ends = {alert.id: alert for alert in (*unsent, *transitions) if alert.transition == "cleared"}
        ended = tuple(ends.values())
        if transitions or ended != self._ended:
            self._ended = ended
            await self._memory.save(Remembered(tuple(self._book.standing), ended))

    def _present(self, rows: list[NodeRow]) -> frozenset[Subject]:
        present = {Subject("node", row.node.name) for row in rows}
        present |= {Subject("set", row.node.set) for row in rows}
        if not self._map.current.nodes:  # no map yet: nobody can be called gone
            present |= {alert.subject for alert in self._book.standing}
        return frozenset(present)
