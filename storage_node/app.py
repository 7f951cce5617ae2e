"""The wiring of a storage node: everything is built here, in order, and unwound in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

from aiohttp import web

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.http import problems, serve
from atoll.lifecycle import Stop, Tasks
from atoll.metrics import metrics_handler, new_registry
from atoll.settings import SettingsError, read_secret
from atoll.signing import Keys
from storage_node.blob_locks import BlobLocks
from storage_node.disk_store import DiskStore
from storage_node.heartbeats import Heartbeats
from storage_node.index import Index
from storage_node.index_ops import forget_expired_tickets
from storage_node.ingest import Ingest
from storage_node.inspection import InspectionLimits, Inspector
from storage_node.join import keep_joined
from storage_node.origin import Origin
from storage_node.outbox import Outbox
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
        ingest_threads = _pool(stack, "ingest", settings.ingest_threads)
        reader_threads = _pool(stack, "reader", settings.reader_threads)
        spool_threads = _pool(stack, "spool", _SPOOL_THREADS)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        store = DiskStore(settings.data_dir)
        bus = await stack.enter_async_context(Bus(settings).opened())
        cluster = LiveClusterMap(
            bus, keys, settings.state_dir, domain=settings.nats_map_domain, replicas=settings.nats_replicas
        )
        cluster.load()
        outbox_wake = asyncio.Event()
        loop = asyncio.get_running_loop()
        index = _open_index(settings, lambda: loop.call_soon_threadsafe(outbox_wake.set))
        stack.push_async_callback(asyncio.to_thread, index.close)
        left = store.clear_staged()
        log.info("removed %d half-written files", left)

        log.info("starting the inspectors")
        inspector = _inspector(settings)
        await asyncio.to_thread(inspector.start)
        stack.push_async_callback(asyncio.to_thread, inspector.close)

        locks = BlobLocks()
        space = SpaceGuard(settings.reserve_bytes, settings.capacity_bytes)
        ingest = Ingest(store, index, locks, inspector, origin)
        intake = UploadIntake(store, ingest, space, ingest_threads, spool_threads, registry)
        uploads = UploadsApi(settings, keys, origin, cluster, intake, registry)
        heartbeats = Heartbeats(
            settings,
            origin,
            index,
            store,
            space,
            cluster,
            bus,
            keys,
            reader_threads,
            lambda: uploads.under_way,
            stop,
            registry,
        )
        outbox = Outbox(settings, index, bus, cluster, keys, reader_threads, outbox_wake, registry)
        await heartbeats.measure()

        app = web.Application(middlewares=[problems])
        uploads.add_routes(app)
        heartbeats.add_routes(app)
        app.router.add_get("/metrics", metrics_handler(registry, settings.metrics_allow))

        tasks = await stack.enter_async_context(Tasks(stop))
        tasks.start("cluster map", cluster.run())
        tasks.start("join", keep_joined(settings, cluster))
        tasks.start("outbox", outbox.run())
        tasks.start("heartbeats", heartbeats.run())
        tasks.start("ticket sweep", _sweep_tickets(index, origin))
        await stack.enter_async_context(
            serve(app, settings.listen_host, settings.listen_port, drain_seconds=settings.drain_seconds)
        )
        log.info("serving", extra={"host": settings.listen_host, "port": settings.listen_port})
        await stop.wait()
        log.info("stopping: no new requests; uploads under way are finished")
        await heartbeats.beat()


def _pool(stack: AsyncExitStack, name: str, threads: int) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    stack.push_async_callback(asyncio.to_thread, pool.shutdown)
    return pool


def _open_index(settings: NodeSettings, committed: Callable[[], object]) -> Index:
    try:
        return Index(settings.data_dir / "index.db", settings.name, committed)
    except ValueError as error:
        raise SettingsError([f"data_dir: {error}"]) from error


def _inspector(settings: NodeSettings) -> Inspector:
    return Inspector(
        PoolLimits(workers=settings.inspectors, job_seconds=settings.inspect_seconds),
        InspectionLimits(
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            max_frame_pixels_sum=settings.max_pixels,
        ),
        settings.inspect_memory,
    )


async def _sweep_tickets(index: Index, origin: Origin) -> None:
    while True:
        await asyncio.wrap_future(index.write(forget_expired_tickets(origin.now_ms())))
        await asyncio.sleep(_TICKET_SWEEP_SECONDS)
