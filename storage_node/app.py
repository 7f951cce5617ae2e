"""The wiring of a storage node: everything is built here, in order, and unwound in reverse."""

from __future__ import annotations

import asyncio
import logging
import platform
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.http import problems, serve
from atoll.lifecycle import Stop, Tasks
from atoll.loop_meter import LoopMeter
from atoll.metrics import RequestMeter, metrics_handler, new_registry
from atoll.node_client import NodeClient, open_session
from atoll.outward import Outward, open_outward
from atoll.settings import read_secret
from atoll.signing import Keys
from storage_node.cors import Cors
from storage_node.disk_probe import DiskProbe
from storage_node.ground import Ground
from storage_node.heartbeats import Heartbeats
from storage_node.index_check import IndexCheck
from storage_node.inspection import Inspector
from storage_node.jobs.apply_job import ApplyJob
from storage_node.jobs.fetch_job import FetchJob
from storage_node.jobs.handler import Handler
from storage_node.jobs.kinds import JobKinds
from storage_node.jobs.side import JobSide
from storage_node.join import keep_joined
from storage_node.membership import Membership
from storage_node.memories import NoOthers
from storage_node.near_sockets import near_sockets
from storage_node.one_core import stay_on
from storage_node.openings import launch_inspector, open_derivatives, open_disk, open_fonts, open_threads
from storage_node.origin import Origin
from storage_node.outbox import Outbox
from storage_node.outbox_feed import OutboxFeed
from storage_node.peer_health import PeerHealth
from storage_node.read_side import ReadSide
from storage_node.request_times import timed
from storage_node.scrub_rate import be_idle
from storage_node.scrub_side import ScrubSide
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.ticket_sweep import sweep_tickets
from storage_node.upload_side import UploadSide
from storage_node.workers.desk import Desk
from storage_node.workers.follow import tell_disk
from storage_node.workers.office import Office, open_office
from storage_node.workers.scrape import metrics_of_all

log = logging.getLogger(__name__)

_SPOOL_THREADS = 8


async def run(settings: NodeSettings, stop: Stop) -> None:
    """Serve until `stop`; afterwards nothing that was acknowledged depends on this process."""
    keys = Keys(read_secret(settings.cluster_secret_file))
    office = open_office(settings)
    settings = office.settings
    stay_on(settings.core)
    async with AsyncExitStack() as stack:
        base = await _lay_base(office, keys, stack)
        log.info("starting the inspectors")
        inspector = launch_inspector(settings, stack)
        sides = _build_sides(base, inspector, stop, stack)
        await sides.heartbeats.measure()
        await _start(base, sides, office, stop, stack)
        log.info("serving", extra={"host": settings.listen_host, "port": settings.listen_port})
        await stop.wait()
        log.info("stopping: no new requests; uploads under way are finished")
        if office.crew is not None:
            office.crew.stop()
        await sides.heartbeats.beat()


@dataclass(frozen=True)
class _Base:
    """What is opened first: disk, bus, map, what all sides stand on. `feed`: new events, for the outbox."""

    ground: Ground
    bus: Bus
    cluster: LiveClusterMap
    membership: Membership
    peer_health: PeerHealth
    feed: OutboxFeed
    outward: Outward


async def _lay_base(office: Office, keys: Keys, stack: AsyncExitStack) -> _Base:
    settings = office.settings
    origin = Origin(settings.name, settings.region, settings.set, moved_seconds=settings.moved_seconds)
    registry = new_registry("storage_node", settings.name, settings.region)
    log.info("opening the data directory", extra={"data_dir": str(settings.data_dir)})
    feed = OutboxFeed()
    store, index = open_disk(settings, origin, stack, feed.committed)
    writers = open_threads(stack, "writer", settings.ingest_threads)
    readers = open_threads(stack, "reader", settings.reader_threads)
    bus = await stack.enter_async_context(Bus(settings).opened())
    cluster = LiveClusterMap(
        bus, keys, settings.state_dir, domain=settings.nats_map_domain, replicas=settings.nats_replicas
    )
    await cluster.load()
    membership = Membership(settings.name)
    membership.cluster_changed(cluster.current)
    client = NodeClient(await stack.enter_async_context(open_session()), keys, settings.name)
    probe = DiskProbe(store.probe)
    probe.start()
    stack.callback(probe.close)
    peer_health = PeerHealth(bus, cluster, keys, settings.name)
    space = SpaceGuard(settings.reserve_bytes, settings.capacity_bytes, probe, office.board)
    ground = Ground(
        settings,
        origin,
        keys,
        store,
        index,
        office.locks,
        cluster,
        client,
        readers,
        writers,
        registry,
        space,
        await open_derivatives(settings, space, index, stack),
        probe,
        peer_health.state,
        membership,
        await open_fonts(settings),
        office.crew or NoOthers(),
        office.board,
    )
    outward = await stack.enter_async_context(
        open_outward(settings.outward_policy(), settings.outward_limits())
    )
    return _Base(ground, bus, cluster, membership, peer_health, feed, outward)


@dataclass(frozen=True)
class _Sides:
    """What the node does, each by itself."""

    uploads: UploadSide
    reads: ReadSide
    heartbeats: Heartbeats
    scrub: ScrubSide
    outbox: Outbox
    jobs: JobSide
    kinds: JobKinds
    inspector: Inspector


def _build_sides(base: _Base, inspector: Inspector, stop: Stop, stack: AsyncExitStack) -> _Sides:
    ground = base.ground
    settings = ground.settings
    reads = ReadSide(ground, random.Random())
    uploads = UploadSide(
        ground,
        base.cluster,
        inspector,
        open_threads(stack, "spool", _SPOOL_THREADS),
        reads.fresh,
        reads.derived.prepare,
        lambda: heartbeats.load,
        reads.removals.look,
    )
    base.cluster.on_change(reads.cluster_changed)
    stack.push_async_callback(reads.close)
    heartbeats = Heartbeats(
        settings,
        ground.origin,
        ground.index,
        ground.store,
        ground.space,
        base.cluster,
        base.bus,
        ground.keys,
        open_threads(stack, "measure", 1),
        lambda: uploads.door.under_way,
        stop,
        ground.registry,
        ground.disk,
        lambda: scrub.facts(),
        lambda: reads.derivatives.usage().bytes + uploads.tus.book.kept_bytes,
        lambda: ground.board.loads if ground.board is not None else (),
    )
    scrub = ScrubSide(
        ground,
        reads,
        inspector,
        open_threads(stack, "scrub", 1, lambda: be_idle(platform.machine())),
        lambda: heartbeats.load,
        lambda: heartbeats.held,
        lambda: base.membership.removed,
        random.Random(),
    )
    stack.callback(scrub.close)
    outbox = _outbox(base)
    kinds = JobKinds(ground, reads, inspector)
    handlers: dict[str, Handler] = {
        **kinds.handlers,
        "fetch": FetchJob(ground, base.outward, uploads),
        "apply": ApplyJob(ground, reads.derived.rendition, uploads),
    }
    jobs = JobSide(ground, base.bus, base.cluster, base.membership, handlers, random.Random())
    return _Sides(uploads, reads, heartbeats, scrub, outbox, jobs, kinds, inspector)


def _outbox(base: _Base) -> Outbox:
    ground = base.ground
    return Outbox(
        ground.settings,
        ground.index,
        base.bus,
        base.cluster,
        ground.keys,
        ground.readers,
        base.feed,
        ground.registry,
        base.membership,
    )


async def _start(base: _Base, sides: _Sides, office: Office, stop: Stop, stack: AsyncExitStack) -> None:
    """Background work first, so that it ends after the last request; workers last, and they end first."""
    settings = base.ground.settings
    tasks = await stack.enter_async_context(Tasks(stop))
    _start_tasks(base, sides, tasks)
    stack.push_async_callback(office.close)
    server = await stack.enter_async_context(
        serve(
            _application(base, sides, office),
            settings.listen_host,
            settings.listen_port,
            drain_seconds=settings.drain_seconds,
            reuse_port=office.crew is not None,
            sockets=near_sockets(settings, shared=office.crew is not None),
            front=sides.reads.front,
        )
    )
    if office.crew is not None and office.board is not None:
        base.cluster.on_change(office.crew.cluster_changed)
        office.crew.cluster_changed(base.cluster.current)
        tasks.start("board", tell_disk(office.board, base.ground.space, base.ground.disk))
    await office.open(Desk(base.ground, sides.reads, sides.uploads).calls, server, tasks)


def _start_tasks(base: _Base, sides: _Sides, tasks: Tasks) -> None:
    ground = base.ground
    settings = ground.settings
    tasks.start("cluster map", base.cluster.run())
    tasks.start("join", keep_joined(settings, base.cluster))
    tasks.start("peer health", base.peer_health.run())
    tasks.start("outbox", sides.outbox.run())
    tasks.start("heartbeats", sides.heartbeats.run())
    tasks.start("loop meter", LoopMeter(ground.registry).run())
    index = settings.data_dir / "index.db"
    tasks.start("index check", IndexCheck(index, settings.index_check_bytes).run())
    tasks.start("inspectors", asyncio.to_thread(sides.inspector.wait_warm))
    tasks.start("ticket sweep", sweep_tickets(ground.index, ground.origin))
    tasks.start("unfinished uploads", sides.uploads.tus.sweep())
    tasks.start("eager derivatives", sides.uploads.eager.run())
    sides.jobs.start(tasks)
    sides.kinds.start(tasks)
    sides.scrub.start(tasks)
    sides.reads.start(tasks)


def _application(base: _Base, sides: _Sides, office: Office) -> web.Application:
    ground = base.ground
    cors = Cors(base.cluster, sides.uploads.door.pages, sides.uploads.tus.pages)
    meter = RequestMeter("atoll_node_request_seconds")
    ground.registry.register(meter)
    app = web.Application(middlewares=[timed(meter), problems, cors.preflights, base.membership.gate])
    cors.add_to(app)
    sides.uploads.api.add_routes(app)
    sides.uploads.tus.api.add_routes(app)
    sides.kinds.add_routes(app)
    sides.heartbeats.add_routes(app)
    networks = ground.settings.metrics_allow
    metrics = metrics_handler(ground.registry, networks)
    if office.crew is not None:
        metrics = metrics_of_all(ground.registry, office.crew, networks)
    app.router.add_get("/metrics", metrics)
    sides.scrub.add_routes(app)
    sides.reads.add_routes(app)
    return app
