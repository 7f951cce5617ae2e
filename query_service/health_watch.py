"""Keeps the table of who is alive: heartbeats from NATS, and probes of the nodes that fall silent.

Owns the two background tasks that write `HealthTable`. A probe is GET /health on the node, all silent
nodes at once, each with its own deadline, so that one hung node delays no verdict about another. With
NATS away probes alone keep the live nodes healthy. Readers: cluster_view.py and cluster_api.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp
import msgspec
from nats.aio.msg import Msg

from atoll import events
from atoll.bus import Bus
from atoll.cluster import ClusterMap
from atoll.errors import AtollError
from atoll.health import HealthTable
from atoll.model import Node
from atoll.node_api import NodeStatus
from atoll.node_client import read_bounded
from atoll.signing import Keys

log = logging.getLogger(__name__)

# Silent for 1.5 s, noticed 0.25 s later, given 0.5 s to answer: suspect well before 3 s.
TICK_SECONDS = 0.25
PROBE_EVERY_SECONDS = 1.0
PROBE_SECONDS = 0.5
MAX_PROBES = 128  # at once; the others wait their turn within the same round
MAX_STATUS_BYTES = 4096


class HealthWatch:
    """Writes `table`; `on_change` is called after a verdict that no heartbeat brought."""

    def __init__(
        self,
        table: HealthTable,
        cluster: Callable[[], ClusterMap],
        keys: Keys,
        session: aiohttp.ClientSession,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._cluster, self._keys = table, cluster, keys
        self._session, self._on_change, self._clock = session, on_change, clock
        self._asked_at: dict[str, float] = {}
        self._room = asyncio.Semaphore(MAX_PROBES)
        self.bad_heartbeats = 0

    async def listen(self, bus: Bus) -> None:
        """Subscribe to all heartbeats, once NATS answers; the bus keeps it over reconnects."""
        await bus.subscribe(events.ALL_HEARTBEATS, self.heard)

    async def heard(self, message: Msg) -> None:
        """Take one heartbeat; a forged or malformed one is counted and dropped."""
        try:
            beat = events.open_heartbeat(message.subject, message.data, message.headers, self._keys)
        except events.BadEvent as error:
            self.bad_heartbeats += 1
            log.warning("heartbeat on %s refused: %s", message.subject[:120], error)
            return
        before = self._table.state(beat.node, self._clock())
        self._table.heard(beat, self._clock())
        if self._table.state(beat.node, self._clock()) != before:
            self._on_change()

    async def probe_forever(self) -> None:
        """Ask the silent nodes, each once a second, until cancelled."""
        async with asyncio.TaskGroup() as probes:
            while True:
                for node in self._due():
                    probes.create_task(self._probe(node), name=f"probe {node.name}")
                await asyncio.sleep(TICK_SECONDS)

    def _due(self) -> list[Node]:
        now = self._clock()
        due = [
            node
            for node in self._table.silent(self._cluster(), now)
            if now - self._asked_at.get(node.name, -PROBE_EVERY_SECONDS) >= PROBE_EVERY_SECONDS
        ]
        self._asked_at.update(dict.fromkeys((node.name for node in due), now))
        return due

    async def _probe(self, node: Node) -> None:
        async with self._room:
            status = await self._ask(node)
        before = self._table.state(node.name, self._clock())
        self._table.probed(node.name, status is not None, self._clock(), status)
        if self._table.state(node.name, self._clock()) != before:
            log.info("node %s was %s, is %s", node.name, before, self._table.state(node.name, self._clock()))
            self._on_change()

    async def _ask(self, node: Node) -> NodeStatus | None:
        """What the node says of itself; None when it does not, or when another daemon answers for it."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                async with self._session.get(node.url + "/health", allow_redirects=False) as response:
                    body = await read_bounded(response, MAX_STATUS_BYTES)
                    status = msgspec.json.decode(body, type=NodeStatus) if response.status == 200 else None
        except (AtollError, aiohttp.ClientError, msgspec.MsgspecError, TimeoutError, OSError, ValueError):
            return None
        return status if status and status.name == node.name else None
