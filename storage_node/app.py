"""The wiring of a storage node: everything is built here, in order, and unwound in reverse."""

from __future__ import annotations

import asyncio
import logging
import platform
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

from aiohttp import web

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Failed
from atoll.http import problems, serve
from atoll.lifecycle import Stop, Tasks
from atoll.metrics import metrics_handler, new_registry
from atoll.node_client import NodeClient, open_session
from atoll.settings import SettingsError, read_secret
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.disk_probe import DiskProbe
from storage_node.disk_store import DiskStore
from storage_node.durability import Confirmer
from storage_node.heartbeats import Heartbeats
from storage_node.index import Index
from storage_node.index_ops import forget_expired_tickets
from storage_node.index_recovery import open_index
from storage_node.ingest import Ingest
from storage_node.inspection import InspectionLimits, Inspector
from storage_node.join import keep_joined
from storage_node.membership import Membership
from storage_node.origin import Origin
from storage_node.outbox import Outbox
from storage_node.peer_health import PeerHealth
from storage_node.read_side import Ground, ReadSide
from storage_node.scrub_rate import be_idle
from storage_node.scrub_side import ScrubSide
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.upload_intake import UploadIntake
from storage_node.uploads_api import UploadsApi
from storage_node.worker_pool import PoolLimits

log = logging.getLogger(__name__)

_SPOOL_THREADS = 8
_TICKET_SWEEP_SECONDS = 3600.0


async def run(settings: NodeSettings, stop: Stop) -> None:
    """Serve until `stop`; afterwards nothing that was acknowledged depends on this process."""
    keys = Keys(read_secret(settings.cluster_secret_file))
    origin = Origin(settings.name, settings.region, settings.set)
    registry = new_registry("storage_node", settings.name, settings.region)
    async with AsyncExitStack() as stack:
        log.info("opening the data directory", extra={"data_dir": str(settings.data_dir)})
        committed = asyncio.Event()
        store, index = _open_disk(settings, origin, stack, committed)
        # after the index, so that they end before it: a thread that waits for a commit must get it
        writers = _pool(stack, "writer", settings.ingest_threads)
        readers = _pool(stack, "reader", settings.reader_threads)
        bus = await stack.enter_async_context(Bus(settings).opened())
        cluster = LiveClusterMap(
            bus, keys, settings.state_dir, domain=settings.nats_map_domain, replicas=settings.nats_replicas
        )
        await cluster.load()
        membership = Membership(settings.name)
        membership.cluster_changed(cluster.current)
        client = NodeClient(await stack.enter_async_context(open_session()), keys, settings.name)

        log.info("starting the inspectors")
        inspector = await _start_inspector(settings, stack)
        locks = BlobLocks()
        probe = DiskProbe(store.probe)
        probe.start()
        stack.callback(probe.close)
        peer_health = PeerHealth(bus, keys)
        space = SpaceGuard(settings.reserve_bytes, settings.capacity_bytes, probe)
        ingest = Ingest(store, index, locks, inspector, origin)
        spoolers = _pool(stack, "spool", _SPOOL_THREADS)
        uploads = UploadsApi(
            settings,
            keys,
            origin,
            cluster,
            UploadIntake(store, ingest, space, writers, spoolers, registry),
            Confirmer(origin, cluster, client, settings.durability_seconds),
            registry,
        )
        ground = Ground(
            settings,
            origin,
            keys,
            store,
            index,
            locks,
            cluster,
            client,
            readers,
            writers,
            registry,
            space,
            probe,
            peer_health.state,
            membership,
        )
        reads = ReadSide(ground, random.Random())
        cluster.on_change(reads.cluster_changed)
        stack.push_async_callback(reads.close)
        heartbeats = Heartbeats(
            settings,
            origin,
            index,
            store,
            space,
            cluster,
            bus,
            keys,
            _pool(stack, "measure", 1),
            lambda: uploads.under_way,
            stop,
            registry,
            probe,
            lambda: scrub.facts(),
        )
        scrub_thread = _pool(stack, "scrub", 1, lambda: be_idle(platform.machine()))
        scrub = ScrubSide(
            ground,
            reads,
            inspector,
            scrub_thread,
            lambda: heartbeats.load,
            lambda: heartbeats.held,
            lambda: membership.removed,
            random.Random(),
        )
        stack.callback(scrub.close)
        outbox = Outbox(settings, index, bus, cluster, keys, readers, committed, registry, membership)
        await heartbeats.measure()

        tasks = await stack.enter_async_context(Tasks(stop))
        tasks.start("cluster map", cluster.run())
        tasks.start("join", keep_joined(settings, cluster))
        tasks.start("peer health", peer_health.run())
        tasks.start("outbox", outbox.run())
        tasks.start("heartbeats", heartbeats.run())
        tasks.start("ticket sweep", _sweep_tickets(index, origin))
        scrub.start(tasks)
        reads.start(tasks)

        app = web.Application(middlewares=[problems, membership.gate])
        uploads.add_routes(app)
        heartbeats.add_routes(app)
        app.router.add_get("/metrics", metrics_handler(registry, settings.metrics_allow))
        scrub.add_routes(app)
        reads.add_routes(app)
        await stack.enter_async_context(
            serve(
                app,
                settings.listen_host,
                settings.listen_port,
                drain_seconds=settings.drain_seconds,
                front=reads.front,
            )
        )
        log.info("serving", extra={"host": settings.listen_host, "port": settings.listen_port})
        await stop.wait()
        log.info("stopping: no new requests; uploads under way are finished")
        await heartbeats.beat()


def _open_disk(
    settings: NodeSettings, origin: Origin, stack: AsyncExitStack, committed: asyncio.Event
) -> tuple[DiskStore, Index]:
    """Store and index; `committed` is set after each commit. `SettingsError` for another node's data."""
    loop = asyncio.get_running_loop()
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        store = DiskStore(settings.data_dir)
        index = open_index(settings.data_dir, origin, lambda: loop.call_soon_threadsafe(committed.set))
    except (ValueError, OSError, Failed) as error:
        raise SettingsError([f"data_dir: {error}"]) from error
    stack.push_async_callback(asyncio.to_thread, index.close)
    log.info("removed %d half-written files", store.clear_staged())
    return store, index


def _pool(
    stack: AsyncExitStack, name: str, threads: int, begin: Callable[[], None] | None = None
) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=begin)
    stack.push_async_callback(asyncio.to_thread, pool.shutdown)
    return pool


async def _start_inspector(settings: NodeSettings, stack: AsyncExitStack) -> Inspector:
    inspector = Inspector(
        PoolLimits(workers=settings.inspectors, job_seconds=settings.inspect_seconds),
        InspectionLimits(
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            max_frame_pixels_sum=settings.max_pixels,
        ),
        settings.inspect_memory,
    )
    await asyncio.to_thread(inspector.start)
    stack.push_async_callback(asyncio.to_thread, inspector.close)
    return inspector


async def _sweep_tickets(index: Index, origin: Origin) -> None:
    while True:
        try:
            await asyncio.wrap_future(index.write(forget_expired_tickets(origin.now_ms())))
        except Failed as error:  # a full disk, say: the node goes on, read-only
            log.warning("expired tickets were not forgotten: %s", error.detail)
        await asyncio.sleep(_TICKET_SWEEP_SECONDS)
