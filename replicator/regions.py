"""Which regions' streams are read: those where others of the set are, by the cluster map of now."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from atoll.cluster import ClusterMap
from atoll.lifecycle import Tasks
from atoll.model import Region
from replicator.figures import Figures
from replicator.region_reader import RegionReader

log = logging.getLogger(__name__)

# What a reader was made for; another value needs another reader.
ReaderKey = tuple[str, str | None, str]


class Regions:
    """Owns one reader per region. `make` builds the reader of a region for a set."""

    def __init__(
        self, node: str, make: Callable[[Region, str], RegionReader], tasks: Tasks, figures: Figures
    ) -> None:
        self._node, self._make, self._tasks, self._figures = node, make, tasks, figures
        self._readers: dict[ReaderKey, RegionReader] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._ended = False

    def follow(self, cluster: ClusterMap) -> None:
        """Start and stop readers so that they fit the map."""
        needed = {} if self._ended else sources_of(cluster, self._node)
        for key in self._readers.keys() - needed.keys():
            log.info("no longer reading the stream of %s", key[0])
            self._readers.pop(key).stop()
        for key in needed.keys() - self._readers.keys():
            log.info("reading the stream of %s for set %s", key[0], key[2])
            self._start(key, needed[key])

    def _start(self, key: ReaderKey, region: Region) -> None:
        reader = self._readers[key] = self._make(region, key[2])
        task = self._tasks.start(f"read {region.name}", reader.run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def wake(self) -> None:
        """There may be room, or the gate may be open."""
        for reader in self._readers.values():
            reader.wake()

    async def stop(self) -> None:
        """Fetch no more, whatever the map says; returns when the last fetch is taken in."""
        self._ended = True
        for reader in self._readers.values():
            reader.stop()
        if self._running:
            await asyncio.wait(self._running)

    @property
    def backlog(self) -> dict[str, int | None]:
        """Per region: messages not yet done, as last measured; None when unknown."""
        return {reader.region: reader.backlog for reader in self._readers.values()}

    async def measure(self, seconds: float) -> None:
        """Measure the backlog every `seconds`, for ever."""
        while True:
            for reader in list(self._readers.values()):
                await reader.measure()
            self._figures.backlog.clear()
            for region, backlog in self.backlog.items():
                self._figures.backlog.labels(region).set(math.nan if backlog is None else backlog)
            await asyncio.sleep(seconds)


def sources_of(cluster: ClusterMap, node: str) -> dict[ReaderKey, Region]:
    """The regions to read for a node: all where its set has other members. None before it joined.

    Not its own region's when it stands alone there: what it says itself it knows, and each of its own
    uploads would cost a delivery and an answer.
    """
    own = cluster.nodes.get(node)
    if own is None or own.state == "removed":
        return {}
    others = (member for member in cluster.members(own.set) if member.name != node)
    regions = {cluster.region(member.region) for member in others}
    return {(region.name, region.jetstream_domain, own.set): region for region in regions}
