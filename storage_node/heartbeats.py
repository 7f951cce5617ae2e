"""What the node says of itself: a heartbeat every second, and the answer to GET /health.

Neither waits for the disk: a node whose disk hangs goes on saying so. Numbers are then the last ones known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from aiohttp import web
from prometheus_client import CollectorRegistry

from atoll.bus import Bus, BusUnavailable
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Failed
from atoll.events import heartbeat_subject, seal_heartbeat
from atoll.heartbeat import Heartbeat, NodeWord, ScrubFacts
from atoll.http import json_response
from atoll.lifecycle import Stop
from atoll.node_api import NodeStatus
from atoll.signing import Keys
from atoll.version import __version__
from storage_node.disk_probe import DiskHealth, TrustedDisk
from storage_node.index import Counts, Index
from storage_node.node_gauges import node_gauges
from storage_node.node_load import NodeLoad
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.store import BlobStore, Space

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2  # how often a changed state is looked for between two heartbeats
_MEASURE_SECONDS = 0.5  # then the heartbeat goes out with what is known


class Heartbeats:
    """Measures once a second, publishes, and remembers for /health."""

    def __init__(
        self,
        settings: NodeSettings,
        origin: Origin,
        index: Index,
        store: BlobStore,
        space: SpaceGuard,
        cluster: LiveClusterMap,
        bus: Bus,
        keys: Keys,
        threads: Executor,
        under_way: Callable[[], int],
        stop: Stop,
        registry: CollectorRegistry,
        disk: DiskHealth | None = None,
        scrub: Callable[[], ScrubFacts | None] = lambda: None,
        other_bytes: Callable[[], int] = lambda: 0,
        loads: Callable[[], Sequence[float]] = tuple,
    ) -> None:
        """`loads`: of the node's other processes."""
        self._other_bytes = other_bytes
        self._disk, self._scrub = disk or TrustedDisk(), scrub
        self._measuring: asyncio.Future[tuple[Counts, Space]] | None = None
        self._settings, self._origin, self._index, self._store = settings, origin, index, store
        self._space, self._cluster, self._bus, self._keys = space, cluster, bus, keys
        self._threads, self._under_way, self._stop = threads, under_way, stop
        self._counts = Counts(0, 0, 0, 0, 0, 0)
        self._lag = 0.0
        self._load = NodeLoad(
            lambda: under_way() / settings.max_uploads,
            others=loads,
            saturated=settings.saturated_milliseconds / 1000,
        )
        self._blind = False  # the last look was refused
        node_gauges(registry, lambda: self._counts, space, lambda: self._lag, lambda: self._load.value)

    @property
    def load(self) -> float:
        """How busy the node is: 0 (idle) to 1 (saturated) and above."""
        return self._load.value

    @property
    def held(self) -> tuple[int, int]:
        """Blobs held, and their bytes, as last measured."""
        return self._counts.blobs, self._counts.bytes

    @property
    def state(self) -> NodeWord:
        """Whether the node takes uploads, drains, ends, was removed, or has a disk that gives no answer."""
        me = self._cluster.current.nodes.get(self._settings.name)
        if me and me.state == "removed":
            return "removed"
        if self._stop.requested():
            return "stopping"
        if self._disk.failing or self._blind:
            return "failing"
        return "draining" if me and me.state == "draining" else "ready"

    async def measure(self) -> None:
        """Look at disk and index; called before serving starts and then every second.

        One look at a time, and none is waited for longer than its time: a disk that hangs takes one thread.
        A look that is refused makes the node say that it fails; the first one raises `StoreFailed`.
        """
        if self._measuring is None:
            self._measuring = asyncio.get_running_loop().run_in_executor(self._threads, self._look)
        patience = _MEASURE_SECONDS if self._space.total else None  # the first numbers must be there
        done, _ = await asyncio.wait([self._measuring], timeout=patience)
        if done:
            measured, self._measuring = self._measuring, None
            self._take(measured)

    def _take(self, measured: asyncio.Future[tuple[Counts, Space]]) -> None:
        try:
            self._counts, disk = measured.result()
        except Failed as error:
            if not self._space.total:
                raise
            log.error("the node cannot look at its own disk: %s", error.detail)
            self._blind = True
        else:
            self._blind = False
            self._space.measured(disk, self._counts.bytes + self._other_bytes())

    def _look(self) -> tuple[Counts, Space]:
        return self._index.counts(), self._store.space()

    async def run(self) -> None:
        """Beat for ever."""
        every = self._settings.heartbeat_seconds
        due = time.monotonic()
        while True:
            began = time.monotonic()
            self._lag = max(0.0, began - due)
            self._load.measure(every)
            await self.measure()
            await self.beat()
            due = began + every
            await self._rest(due)

    async def _rest(self, due: float) -> None:
        """Until `due` (monotonic seconds), or until there is something to be told at once."""
        told = self.state
        while (left := due - time.monotonic()) > 0 and self.state == told:
            nap = min(left, _LOOK_SECONDS)
            asleep = time.monotonic()
            await asyncio.sleep(nap)
            self._load.woken(time.monotonic() - asleep - nap)

    async def beat(self) -> None:
        """Publish one heartbeat; without NATS there is nobody to tell, and a removed node tells nobody."""
        beat = self._heartbeat()
        if beat.state == "removed":
            return
        body, headers = seal_heartbeat(beat, self._keys)
        try:
            await self._bus.publish(heartbeat_subject(beat.region, beat.node), body, headers)
        except BusUnavailable as error:
            log.debug("no heartbeat: %s", error.detail)

    def _heartbeat(self) -> Heartbeat:
        now, counts = self._origin.now_ms(), self._counts
        return Heartbeat(
            node=self._origin.node,
            region=self._origin.region,
            set=self._origin.set,
            url=self._settings.public_url,
            at=now,
            version=__version__,
            state=self.state,
            read_only=self._space.read_only,
            load=round(self._load.value, 3),
            bytes_total=self._space.total,
            bytes_free=self._space.free,
            blobs=counts.blobs,
            outbox=counts.outbox,
            outbox_age_ms=max(0, now - counts.oldest_outbox_at) if counts.outbox else 0,
            wanted=counts.wanted,
            quarantined=counts.quarantined,
            inodes_free=self._space.inodes_free,
            scrub=self._scrub(),
            uploads=self._under_way(),
            bytes_reserved=self._settings.reserve_bytes,
        )

    def add_routes(self, app: web.Application) -> None:
        """Serve /health."""
        app.router.add_get("/health", self._health)

    async def _health(self, _request: web.Request) -> web.Response:
        status = NodeStatus(
            self._origin.node,
            self._origin.region,
            self._origin.set,
            self.state,
            self._space.read_only,
            self._space.free,
        )
        return json_response(status, headers={"Cache-Control": "no-store"})
