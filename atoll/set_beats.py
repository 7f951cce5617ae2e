"""The heartbeats of one node's set, and of no other node: all that a node and its replicator act on. I/O.

There are two of these for each node. If each heard the whole cluster, N nodes would make 2N² deliveries a
second, and the courier would end where the cluster begins to be large. Of nodes of other sets nothing is
known here, which counts as well; who asks them learns how they are (hedging.py). Subscriptions follow the
cluster map. Query services and monitors, of which there are few, hear all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from atoll.bus import FOREIGN_ERRORS, Bus
from atoll.cluster import ClusterMap
from atoll.events import BadEvent, heartbeat_subject, open_heartbeat
from atoll.heartbeat import Heartbeat
from atoll.signing import Keys

log = logging.getLogger(__name__)


class WatchedMap(Protocol):
    """Whoever has the current cluster map and tells of the next (`LiveClusterMap`)."""

    current: ClusterMap

    def on_change(self, listener: Callable[[ClusterMap], None]) -> None: ...


class SetBeats:
    """Calls `heard` with each heartbeat of the set of `node`, its own among them, and `left` with the name of
    a node that is listened to no longer."""

    def __init__(
        self,
        bus: Bus,
        cluster: WatchedMap,
        keys: Keys,
        node: str,
        heard: Callable[[Heartbeat], None],
        left: Callable[[str], None],
    ) -> None:
        self._bus, self._cluster, self._keys, self._node = bus, cluster, keys, node
        self._heard, self._left = heard, left
        self._subscribed: dict[str, Subscription] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follow the map for ever, from the first connection on."""
        self._cluster.on_change(lambda _: self._changed.set())
        while True:
            self._changed.clear()
            await self._follow()
            await self._changed.wait()

    async def _follow(self) -> None:
        wanted = self._subjects()
        for subject in self._subscribed.keys() - wanted:
            with suppress(*FOREIGN_ERRORS):  # without a connection there is nothing to be told
                await self._subscribed.pop(subject).unsubscribe()
            self._left(subject.rpartition(".")[2])
        for subject in sorted(wanted - self._subscribed.keys()):
            self._subscribed[subject] = await self._bus.subscribe(subject, self._on_message)

    def _subjects(self) -> set[str]:
        """None before the node is in the map."""
        cluster = self._cluster.current
        own = cluster.nodes.get(self._node)
        members = cluster.members(own.set) if own else ()
        return {heartbeat_subject(node.region, node.name) for node in members}

    async def _on_message(self, message: Msg) -> None:
        try:
            beat = open_heartbeat(message.subject, message.data, message.headers, self._keys)
        except BadEvent as error:
            log.debug("a heartbeat on %s was refused: %s", message.subject, error)
            return
        self._heard(beat)
