"""The indexing half of a query service on real NATS and MongoDB, and the nodes' side of the streams."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine_thread import EngineThread
from lookup_stage import PATIENCE
from prometheus_client import CollectorRegistry

from atoll.backoff import Backoff
from atoll.bus import Bus
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.daemon_settings import DaemonSettings
from atoll.events import Event, parked_subject, seal_event, stream_of, subject_of
from atoll.ids import now_ms
from atoll.lifecycle import Stop, Tasks
from atoll.model import Region
from atoll.parking import ParkingPlace
from atoll.signing import Keys
from atoll.streams import ensure_stream
from query_service.catalog import Catalog
from query_service.circuit import Circuit
from query_service.event_folds import EventFolds
from query_service.event_reader import EventReader
from query_service.hook_store import HookStore
from query_service.indexer import Indexer
from query_service.indexer_metrics import IndexerMetrics
from query_service.indexer_turn import IndexerTurn
from query_service.job_silence import Silence
from query_service.job_store import JobStore
from query_service.mongo_driver import MongoDatabase
from query_service.parking import DURABLE, Parking

KEYS = Keys(b"a cluster secret for tests, 32 bytes and more")
REGIONS = {
    name: Region(name, lat, lon) for name, lat, lon in [("eu", 50, 8), ("us", 40, -75), ("ap", 1, 103)]
}
CLUSTER = ClusterMap(regions=REGIONS)


def daemon_settings(url: str, directory: Path, name: str) -> DaemonSettings:
    return DaemonSettings(
        name=name,
        region="eu",
        listen_port=1,
        cluster_secret_file=directory / "unused",
        state_dir=directory / name,
        nats_url=url,
    )


@contextlib.asynccontextmanager
async def connected_bus(url: str, directory: Path, name: str) -> AsyncIterator[Bus]:
    async with Bus(daemon_settings(url, directory, name)).opened() as bus:
        await asyncio.wait_for(bus.wait_connected(), PATIENCE)
        yield bus


async def publish(bus: Bus, event: Event, domain: str | None = None) -> None:
    """As a node's outbox does."""
    body, headers = seal_event(event, KEYS)
    await bus.publish_kept(subject_of(event), body, headers, domain)


async def make_streams(bus: Bus) -> None:
    for region in REGIONS.values():
        await ensure_stream(bus, region, 1, 1)


async def backlog(bus: Bus) -> int:
    """Events that no query service has answered yet, over all regions."""
    infos = [await bus.jetstream().consumer_info(stream_of(region), "indexer") for region in REGIONS]
    return sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos)


async def parked(bus: Bus) -> list[tuple[bytes, dict[str, str]]]:
    """Body and headers of all that was parked in the own region."""
    js = bus.jetstream()
    subject = parked_subject("eu", "indexer")
    info = await js.stream_info(stream_of("eu"), subjects_filter=subject)
    found, seq = [], 0
    for _ in range((info.state.subjects or {}).get(subject, 0)):
        message = await js.get_msg(stream_of("eu"), seq=seq + 1, subject=subject, next=True)
        seq = message.seq
        found.append((message.data or b"", dict(message.headers or {})))
    return found


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` (async or not) holds; a test fails after `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.02)


@dataclass
class IndexerStage:
    """One running indexer. `announced` is what its caches were told, `came` what arrived of it."""

    catalog: Catalog
    indexer: Indexer
    registry: CollectorRegistry
    stop: Stop
    announced: list[Collection[str] | None] = field(default_factory=list)
    came: set[str] = field(default_factory=set)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    @property
    def indexed(self) -> float:
        kinds = ("blob.stored", "blob.replicated", "blob.deleted", "asset.deleted")
        return sum(self.count("atoll_indexer_events_total", kind=kind) for kind in kinds)


@contextlib.asynccontextmanager
async def indexer_stage(
    engines: EngineThread,
    directory: Path,
    bus: Bus,
    *,
    make_catalog: Callable[[MongoDatabase], Catalog] | None = None,
    name: str = "query-1",
    turn: IndexerTurn | None = None,
    fold_seconds: float = 0.0,
    silent: str = "",
) -> AsyncIterator[IndexerStage]:
    """An indexer that runs until the end, where it is stopped in order; without `turn` it is alone.

    Its catalog is named for `directory`, which is the test's own.
    """
    mongo = MongoDatabase(engines.urls.mongodb, directory.name, "motor", name)
    catalog = (make_catalog or _catalog)(mongo)
    cluster = LiveClusterMap(bus, KEYS, directory / name, domain=None, replicas=1)
    cluster.current = CLUSTER
    registry, stop, rng = CollectorRegistry(), Stop(), random.Random(1)
    metrics = IndexerMetrics(registry)
    ensure = partial(ensure_stream, bus, max_age_hours=1, replicas=1)
    parking = Parking(ParkingPlace(bus, cluster, "eu", DURABLE, ensure), metrics)
    async with Tasks(stop) as tasks:
        announced: list[Collection[str] | None] = []
        arrived = set[str]()

        async def announce(asset_ids: Collection[str] | None, came: Mapping[str, int], /) -> None:
            announced.append(asset_ids)
            arrived.update(came)

        indexer = Indexer(
            cluster=cluster,
            make_reader=lambda region, queue: EventReader(
                bus, KEYS, region, queue, parking, Backoff(0.02, 0.2, rng), turn
            ),
            catalog=EventFolds(
                catalog, JobStore(mongo, 1000, Silence(1000), now_ms), HookStore(mongo, 1000), now_ms
            ),
            announce=announce,
            parking=parking,
            metrics=metrics,
            tasks=tasks,
            now_ms=now_ms,
            clock=time.monotonic,
            backoff=Backoff(0.02, 0.2, rng),
            turn=turn,
            fold_seconds=fold_seconds,
            silent=lambda node: node == silent,
        )
        indexer.start()
        yield IndexerStage(catalog, indexer, registry, stop, announced, arrived)
        await asyncio.wait_for(indexer.stop(), PATIENCE)
    assert not stop.failed, "a task of the indexer died"
    await mongo.close()


def _catalog(mongo: MongoDatabase) -> Catalog:
    return Catalog(mongo, Circuit(time.monotonic, Backoff(0.05, 0.2)))
