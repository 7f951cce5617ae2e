"""The outbox against a real NATS: what was committed arrives, whatever becomes of the map and the stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bus_settings import settings_for, until
from index_maker import HandOrigin, opened, upload
from own_nats import OwnNats
from prometheus_client import CollectorRegistry

from atoll.bus import Bus
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.events import stream_of
from atoll.lifecycle import cancel_and_wait
from atoll.model import Region
from atoll.signing import Keys
from storage_node.index import Index
from storage_node.membership import Membership
from storage_node.outbox import Outbox
from storage_node.outbox_feed import OutboxFeed
from storage_node.settings import NodeSettings

pytestmark = pytest.mark.integration

KEYS = Keys(b"a secret for tests, 32 bytes long at least")
WITH_REGION = ClusterMap.of([Region("eu", 50, 8)])


class Stage:
    """One outbox over an index of the test's own, and the map in the test's hands."""

    def __init__(self, bus: Bus, cluster: LiveClusterMap, index: Index, registry: CollectorRegistry) -> None:
        self.bus, self.cluster, self.index, self._registry = bus, cluster, index, registry
        self.origin = HandOrigin().origin

    async def upload(self, body: bytes) -> None:
        await asyncio.to_thread(upload, self.index, self.origin, body)

    def waiting(self) -> int:
        return self.index.counts().outbox

    def failures(self) -> float:
        return self._registry.get_sample_value("atoll_outbox_failures_total") or 0.0

    async def in_stream(self) -> int:
        return int((await self.bus.jetstream().stream_info(stream_of("eu"))).state.messages)


@contextlib.asynccontextmanager
async def running(nats: OwnNats, tmp_path: Path) -> AsyncIterator[tuple[Stage, asyncio.Task[None]]]:
    common = vars(settings_for(tmp_path, nats.url))
    settings = NodeSettings(**{**common, "set": "s1", "public_url": "http://n", "data_dir": tmp_path})
    with opened(tmp_path) as index, ThreadPoolExecutor(2) as threads:
        async with Bus(settings).opened() as bus:
            await bus.wait_connected()
            cluster = LiveClusterMap(bus, KEYS, tmp_path, domain=None, replicas=1)
            cluster.current = WITH_REGION
            registry = CollectorRegistry()
            outbox = Outbox(
                settings,
                index,
                bus,
                cluster,
                KEYS,
                threads,
                OutboxFeed(),
                registry,
                Membership("node-1"),
            )
            task = asyncio.create_task(outbox.run())
            try:
                yield Stage(bus, cluster, index, registry), task
            finally:
                await cancel_and_wait([task])


async def test_what_is_committed_reaches_the_stream_once_and_leaves_the_outbox(own_nats, tmp_path):
    async with running(own_nats, tmp_path) as (stage, _):
        for number in range(20):
            await stage.upload(bytes([number]))
        await until(lambda: stage.waiting() == 0, "the outbox is empty")
        assert await stage.in_stream() == 20


async def test_a_region_taken_out_of_the_map_keeps_the_outbox_waiting_and_alive(own_nats, tmp_path):
    async with running(own_nats, tmp_path) as (stage, task):
        await stage.upload(b"first")
        await until(lambda: stage.waiting() == 0, "the first event")
        stage.cluster.current = ClusterMap()
        await stage.bus.jetstream().delete_stream(stream_of("eu"))
        await stage.upload(b"second")
        await until(lambda: stage.failures() >= 2, "it tried, and tried again")
        assert not task.done()
        assert stage.waiting() == 1
        stage.cluster.current = WITH_REGION
        await until(lambda: stage.waiting() == 0, "the second event")
        assert await stage.in_stream() == 1
