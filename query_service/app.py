"""The wiring of a query service: everything is built here, in order, and unwound in reverse.

Nothing here waits for NATS, MongoDB or Redis: each is connected to in the background, and the service
answers what it can without them. The end: requests under way are finished, the indexer gives back what it
holds, then the connections close.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry

from atoll.api_keys import ApiKeys, load_api_keys
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.delivery_keys import LiveRing
from atoll.health import HealthTable
from atoll.hearing import Hearing
from atoll.http import Handler, serve
from atoll.ids import now_ms
from atoll.join_book import JoinBook
from atoll.lifecycle import Stop, Tasks
from atoll.loop_meter import LoopMeter
from atoll.metrics import RequestMeter, metrics_handler, new_registry
from atoll.node_client import NodeClient, open_session
from atoll.parking import ParkingPlace
from atoll.settings import read_secret
from atoll.signing import Keys
from atoll.streams import ensure_stream
from query_service.asset_side import asset_routes
from query_service.bucket_side import open_buckets
from query_service.callers import Callers
from query_service.cluster_known import ClusterKnown
from query_service.cluster_view import Views
from query_service.data_side import DataSide, backoff, open_data
from query_service.event_folds import EventFolds
from query_service.event_reader import EventReader
from query_service.event_streams import EventStreams, StreamRules
from query_service.geoip import open_geoip
from query_service.health_watch import HealthWatch
from query_service.hook_side import open_hooks
from query_service.hot_front import hot_front
from query_service.indexer import Indexer
from query_service.indexer_metrics import IndexerMetrics
from query_service.indexer_turn import IndexerTurn
from query_service.job_side import open_jobs
from query_service.join_api import JoinApi
from query_service.key_side import open_keys
from query_service.lease import UpkeepNotes
from query_service.openapi_api import OpenApi
from query_service.overview_side import overview_routes
from query_service.parking import DURABLE, Parking
from query_service.position import PositionFinder, ProxyTrust
from query_service.proof_side import proof_routes
from query_service.query_metrics import NodeStates, UseMeter
from query_service.routing import Route, add_routes
from query_service.service_health import ServiceHealth
from query_service.settings import QuerySettings
from query_service.web_api import WebApi
from query_service.web_files import read_web_files

log = logging.getLogger(__name__)


class _Ground(NamedTuple):
    """What all parts of the service stand on."""

    bus: Bus
    cluster: LiveClusterMap
    data: DataSide
    known: ClusterKnown
    views: Views
    watch: HealthWatch
    positions: PositionFinder
    ring: LiveRing
    nodes: NodeClient


async def run(settings: QuerySettings, stop: Stop) -> None:
    """Serve until `stop`. Raises `SettingsError` for secrets and keys that cannot be used."""
    keys = Keys(read_secret(settings.cluster_secret_file))
    api_keys = load_api_keys(settings.api_keys_file)
    registry = new_registry("query_service", settings.name, settings.region)
    meter = RequestMeter("atoll_query_request_seconds")
    registry.register(meter)
    async with AsyncExitStack() as stack:
        ground = await _lay_ground(settings, keys, api_keys, registry, stack)
        bus, cluster, data, known, views, watch, positions, ring, nodes = ground
        key_side = open_keys(settings, keys, ring, api_keys, bus, cluster, data.shared, positions)
        stack.push_async_callback(key_side.close)
        buckets = open_buckets(settings, bus, cluster, nodes, views, data, key_side.trail, registry)
        hearing = Hearing(bus)
        engines = data.engines(lambda: hearing.hears)
        streams = _streams(settings, key_side.door.callers, stop)
        jobs = open_jobs(settings, keys, ring, bus, data, views, streams)
        hooks = await open_hooks(settings, keys, data, stack)
        uses, admit, announce = UseMeter(registry), buckets.admit, data.invalidation.announce
        routes = [
            *asset_routes(
                settings, keys, api_keys, ring, data, views, positions, nodes, uses, admit, jobs.dispatch
            ),
            *overview_routes(settings, known, views, positions, nodes, streams, stack),
            *JoinApi(settings, keys, cluster, _join_book(settings, bus, keys), now_ms).routes(),
            *buckets.routes,
            *proof_routes(
                cluster, known.health, views, nodes, data.catalog, announce, api_keys, settings.max_json_bytes
            ),
            *jobs.routes,
            *hooks.routes,
            *key_side.routes,
            *OpenApi().routes(),
            *WebApi(read_web_files(), lambda: cluster.current).routes(),
            *ServiceHealth(settings.name, settings.region, cluster, known.health, engines).routes(),
            Route("GET", "/metrics", None, metrics_handler(registry, settings.metrics_allow), reach="anyone"),
        ]
        app = web.Application()
        add_routes(app.router, routes, key_side.door, meter)

        tasks = await stack.enter_async_context(Tasks(stop))
        _listen(tasks, bus, cluster, watch, data, registry)
        tasks.start("hearing", hearing.run())
        for side in (key_side, jobs, hooks, buckets):
            side.start(tasks)
        indexer = _indexer(settings, keys, bus, cluster, known, data, registry, tasks)
        indexer.start()
        stack.push_async_callback(indexer.stop)
        await stack.enter_async_context(_served(app, settings, hot_front(routes, key_side.door, meter)))
        log.info("serving", extra={"host": settings.listen_host, "port": settings.listen_port})
        await stop.wait()
        log.info("stopping: no new requests; those under way are answered")


async def _lay_ground(
    settings: QuerySettings,
    keys: Keys,
    api_keys: ApiKeys,
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> _Ground:
    """Opened in order; `stack` closes it in reverse."""
    bus = await stack.enter_async_context(Bus(settings).opened())
    cluster = await _load_map(settings, bus, keys, api_keys)
    data = open_data(settings, keys, bus, registry, stack)

    session = await stack.enter_async_context(open_session())
    known = ClusterKnown(lambda: cluster.current, HealthTable())
    views = Views(known)
    cluster.on_change(lambda _: views.drop())
    watch = HealthWatch(known.health, known.cluster, keys, session, views.drop)
    registry.register(NodeStates(known.cluster, known.health, lambda: watch.bad_heartbeats))
    geoip = await open_geoip(settings.geoip_database)
    if geoip:
        stack.callback(geoip.close)
    positions = PositionFinder(lambda: cluster.current, settings.region, _trust(settings), geoip)
    ring = LiveRing(keys, lambda: cluster.current.signing, now_ms)
    nodes = NodeClient(session, keys, settings.name)
    return _Ground(bus, cluster, data, known, views, watch, positions, ring, nodes)


def _served(
    app: web.Application, settings: QuerySettings, front: Callable[[Handler], Handler]
) -> AbstractAsyncContextManager[object]:
    return serve(
        app,
        settings.listen_host,
        settings.listen_port,
        drain_seconds=settings.drain_seconds,
        limits=settings.request_limits,
        front=front,
    )


def _streams(settings: QuerySettings, callers: Callers, stop: Stop) -> EventStreams:
    rules = StreamRules(
        settings.max_event_streams, settings.max_event_streams_per_key, settings.event_heartbeat_seconds
    )
    return EventStreams(rules, stop, time.monotonic, partial(callers.check, scope="read"))


def _join_book(settings: QuerySettings, bus: Bus, keys: Keys) -> JoinBook:
    return JoinBook(bus, keys, domain=settings.nats_map_domain, replicas=settings.nats_replicas)


def _trust(settings: QuerySettings) -> ProxyTrust:
    return ProxyTrust(settings.trusted_proxies, settings.proxy_lat_header, settings.proxy_lon_header)


async def _load_map(settings: QuerySettings, bus: Bus, keys: Keys, api_keys: ApiKeys) -> LiveClusterMap:
    """The map as last known, and its API keys beside those of the file, from now on."""
    cluster = LiveClusterMap(
        bus, keys, settings.state_dir, domain=settings.nats_map_domain, replicas=settings.nats_replicas
    )
    cluster.on_change(lambda now: api_keys.share(now.keys.values()))
    await cluster.load()
    api_keys.share(cluster.current.keys.values())
    log.info("starting with the last known map", extra={"nodes": len(cluster.current.nodes)})
    return cluster


def _listen(
    tasks: Tasks,
    bus: Bus,
    cluster: LiveClusterMap,
    watch: HealthWatch,
    data: DataSide,
    registry: CollectorRegistry,
) -> None:
    """All that goes on beside the requests, the indexer aside."""
    tasks.start("loop meter", LoopMeter(registry).run())
    tasks.start("cluster map", cluster.run())
    tasks.start("heartbeats", watch.listen(bus))
    tasks.start("probes", watch.probe_forever())
    tasks.start("invalidation", data.invalidation.listen())
    tasks.start("catalog watch", data.watch.run())
    tasks.start("render log", data.renders.run())
    if data.redis:
        tasks.start("redis", data.redis.run())


def _indexer(
    settings: QuerySettings,
    keys: Keys,
    bus: Bus,
    cluster: LiveClusterMap,
    known: ClusterKnown,
    data: DataSide,
    registry: CollectorRegistry,
    tasks: Tasks,
) -> Indexer:
    metrics = IndexerMetrics(registry)
    ensure = partial(
        ensure_stream, bus, max_age_hours=settings.stream_max_age_hours, replicas=settings.nats_replicas
    )
    parking = Parking(ParkingPlace(bus, cluster, settings.region, DURABLE, ensure), metrics)
    turn = _turn(settings, bus)
    return Indexer(
        cluster=cluster,
        make_reader=lambda region, queue: EventReader(bus, keys, region, queue, parking, backoff(), turn),
        catalog=EventFolds(data.catalog, data.jobs, data.hooks, now_ms),
        announce=data.invalidation.announce,
        parking=parking,
        metrics=metrics,
        tasks=tasks,
        now_ms=now_ms,
        clock=time.monotonic,
        backoff=backoff(),
        turn=turn,
        fold_seconds=settings.indexer_fold_seconds,
        silent=lambda node: known.health.state(node, known.clock()) == "suspect",
    )


def _turn(settings: QuerySettings, bus: Bus) -> IndexerTurn | None:
    """None: every query service indexes all the time."""
    if not settings.indexer_help_backlog:
        return None
    notes = UpkeepNotes(bus, settings.nats_map_domain, settings.nats_replicas)
    return IndexerTurn(settings.name, notes, settings.indexer_help_backlog, now_ms)
