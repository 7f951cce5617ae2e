"""The wiring of a query service: everything is built here, in order, and unwound in reverse.

Nothing here waits for NATS, MongoDB or Redis: each is connected to in the background, and the service
answers what it can without them. The end: requests under way are finished, the indexer gives back what it
holds, then the connections close.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry

from atoll.api_keys import ApiKeys, load_api_keys
from atoll.backoff import Backoff
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.health import HealthTable
from atoll.http import serve
from atoll.ids import now_ms
from atoll.lifecycle import Stop, Tasks
from atoll.metrics import metrics_handler, new_registry
from atoll.node_client import NodeClient, open_session
from atoll.parking import ParkingPlace
from atoll.settings import SettingsError, read_secret
from atoll.signing import Keys
from atoll.streams import ensure_stream
from query_service.absent_names import AbsentNames
from query_service.asset_finder import AssetFinder
from query_service.assets_api import AssetsApi, DeletesApi
from query_service.catalog import Catalog
from query_service.catalog_watch import CatalogWatch
from query_service.circuit import Circuit
from query_service.clients import Clients
from query_service.cluster_api import ClusterApi
from query_service.cluster_view import Views
from query_service.deletes import Deleter, Departed
from query_service.event_reader import EventReader
from query_service.geoip import open_geoip
from query_service.health_watch import HealthWatch
from query_service.indexer import Indexer
from query_service.indexer_metrics import IndexerMetrics
from query_service.invalidation import Invalidation
from query_service.listing_api import ListingApi
from query_service.lookup import Lookup
from query_service.lookup_metrics import LookupMetrics
from query_service.memory_cache import MemoryCache
from query_service.mongo_driver import Driver, MongoDatabase
from query_service.parking import DURABLE, Parking
from query_service.position import PositionFinder, ProxyTrust
from query_service.proof_side import proof_routes
from query_service.query_metrics import NodeStates, RequestMeter, UseMeter
from query_service.redirects import Redirects
from query_service.redis_cache import CONNECTIONS, READ_SECONDS, RedisCache
from query_service.redis_url import open_redis
from query_service.resolve_api import ResolveApi
from query_service.resolver import Resolver
from query_service.routing import Route, add_routes
from query_service.service_health import ServiceHealth
from query_service.settings import QuerySettings
from query_service.tickets import TicketOffice, TicketRules
from query_service.uploads_api import UploadsApi

log = logging.getLogger(__name__)

_FIRST_RETRY, _LAST_RETRY = 0.2, 5.0  # seconds, to whatever is away


class _Data(NamedTuple):
    """The half that knows assets."""

    catalog: Catalog
    watch: CatalogWatch
    redis: RedisCache | None
    lookup: Lookup
    invalidation: Invalidation


async def run(settings: QuerySettings, stop: Stop) -> None:
    """Serve until `stop`. Raises `SettingsError` for secrets and keys that cannot be used."""
    keys = Keys(read_secret(settings.cluster_secret_file))
    api_keys = load_api_keys(settings.api_keys_file)
    registry = new_registry("query_service", settings.name, settings.region)
    meter = RequestMeter()
    registry.register(meter)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(Bus(settings).opened())
        cluster = LiveClusterMap(
            bus, keys, settings.state_dir, domain=settings.nats_map_domain, replicas=settings.nats_replicas
        )
        cluster.on_change(lambda now: api_keys.share(now.keys.values()))
        cluster.load()
        api_keys.share(cluster.current.keys.values())
        log.info("starting with the last known map", extra={"nodes": len(cluster.current.nodes)})
        data = _open_data(settings, keys, bus, registry, stack)

        session = await stack.enter_async_context(open_session())
        health = HealthTable()
        views = Views(lambda: cluster.current, health)
        cluster.on_change(lambda _: views.drop())
        watch = HealthWatch(health, lambda: cluster.current, keys, session, views.drop)
        registry.register(NodeStates(lambda: cluster.current, health, lambda: watch.bad_heartbeats))
        geoip = await open_geoip(settings.geoip_database)
        if geoip:
            stack.callback(geoip.close)
        trust = ProxyTrust(settings.trusted_proxies, settings.proxy_lat_header, settings.proxy_lon_header)
        positions = PositionFinder(lambda: cluster.current, settings.region, trust, geoip)
        nodes = NodeClient(session, keys, settings.name)
        routes = [
            *_asset_routes(settings, keys, api_keys, data, views, positions, nodes, UseMeter(registry)),
            *ClusterApi(cluster, health, settings.max_json_bytes).routes(),
            *proof_routes(
                cluster,
                health,
                views,
                nodes,
                data.catalog,
                data.invalidation.announce,
                api_keys,
                settings.max_json_bytes,
            ),
            *ServiceHealth(settings.name, settings.region, cluster, health, _engines(bus, data)).routes(),
            Route("GET", "/metrics", None, metrics_handler(registry, settings.metrics_allow)),
        ]
        app = web.Application()
        add_routes(app.router, routes, api_keys, meter)

        tasks = await stack.enter_async_context(Tasks(stop))
        tasks.start("cluster map", cluster.run())
        tasks.start("heartbeats", watch.listen(bus))
        tasks.start("probes", watch.probe_forever())
        tasks.start("invalidation", data.invalidation.listen())
        tasks.start("catalog watch", data.watch.run())
        if data.redis:
            tasks.start("redis", data.redis.run())
        indexer = _indexer(settings, keys, bus, cluster, data, registry, tasks)
        indexer.start()
        stack.push_async_callback(indexer.stop)
        await stack.enter_async_context(
            serve(app, settings.listen_host, settings.listen_port, drain_seconds=settings.drain_seconds)
        )
        log.info("serving", extra={"host": settings.listen_host, "port": settings.listen_port})
        await stop.wait()
        log.info("stopping: no new requests; those under way are answered")


def _open_data(
    settings: QuerySettings, keys: Keys, bus: Bus, registry: CollectorRegistry, stack: AsyncExitStack
) -> _Data:
    """Catalog, caches and what keeps them honest; they connect when first used."""
    driver: Driver = "pymongo" if settings.mongodb_driver == "pymongo" else "motor"
    mongo = MongoDatabase(
        _read_url(settings.mongodb_url_file), settings.mongodb_database, driver, settings.name
    )
    stack.push_async_callback(mongo.close)
    catalog = Catalog(mongo, Circuit(time.monotonic, _backoff()))
    redis = _open_redis(settings, stack)
    memory = MemoryCache(settings.memory_cache_entries, settings.memory_cache_seconds, time.monotonic)
    lookup = Lookup(memory, redis, catalog, LookupMetrics(registry))
    stack.push_async_callback(lookup.close)
    return _Data(
        catalog, CatalogWatch(catalog, _backoff()), redis, lookup, Invalidation(bus, keys, lookup, redis)
    )


def _open_redis(settings: QuerySettings, stack: AsyncExitStack) -> RedisCache | None:
    if settings.redis_url_file is None:
        return None
    redis = open_redis(_read_url(settings.redis_url_file), settings.name, READ_SECONDS, CONNECTIONS)
    stack.push_async_callback(redis.aclose)
    return RedisCache(
        redis,
        seconds=settings.redis_cache_seconds,
        clock=time.monotonic,
        now_ms=now_ms,
        backoff=_backoff(),
    )


def _asset_routes(
    settings: QuerySettings,
    keys: Keys,
    api_keys: ApiKeys,
    data: _Data,
    views: Views,
    positions: PositionFinder,
    nodes: NodeClient,
    meter: UseMeter,
) -> list[Route]:
    """The hottest first."""
    rng = random.Random()
    rules = TicketRules(
        settings.ticket_seconds,
        settings.max_upload_bytes,
        settings.max_upload_pixels,
        settings.max_ticket_files,
    )
    departed = Departed()
    finder = AssetFinder(data.lookup, departed)
    resolver = Resolver(views, keys, rng)
    clients = Clients(positions, settings.signed_url_seconds, settings.max_signed_url_seconds)
    deleter = Deleter(views, nodes, settings.region, departed, data.invalidation.announce)
    absent = AbsentNames(settings.memory_cache_entries, settings.redirect_seconds, time.monotonic)
    json_bytes = settings.max_json_bytes
    return [
        *AssetsApi(finder, resolver, clients, views).routes(),
        *Redirects(
            finder, resolver, clients, positions, views, api_keys, settings.redirect_seconds, absent
        ).routes(),
        *ResolveApi(
            finder, resolver, clients, json_bytes, settings.max_resolve_items, meter.handles
        ).routes(),
        *UploadsApi(TicketOffice(views, keys, rules, rng), positions, json_bytes, meter.ticket).routes(),
        *ListingApi(data.catalog, finder, resolver, clients, views, settings.max_list_items).routes(),
        *DeletesApi(data.catalog, finder, deleter).routes(),
    ]


def _indexer(
    settings: QuerySettings,
    keys: Keys,
    bus: Bus,
    cluster: LiveClusterMap,
    data: _Data,
    registry: CollectorRegistry,
    tasks: Tasks,
) -> Indexer:
    metrics = IndexerMetrics(registry)
    ensure = partial(
        ensure_stream, bus, max_age_hours=settings.stream_max_age_hours, replicas=settings.nats_replicas
    )
    parking = Parking(ParkingPlace(bus, cluster, settings.region, DURABLE, ensure), metrics)
    return Indexer(
        cluster=cluster,
        make_reader=lambda region, queue: EventReader(bus, keys, region, queue, parking, _backoff()),
        catalog=data.catalog,
        announce=data.invalidation.announce,
        parking=parking,
        metrics=metrics,
        tasks=tasks,
        now_ms=now_ms,
        clock=time.monotonic,
        backoff=_backoff(),
    )


def _engines(bus: Bus, data: _Data) -> dict[str, Callable[[], bool]]:
    engines: dict[str, Callable[[], bool]] = {
        "nats": lambda: bus.connected,
        "mongodb": lambda: data.watch.up,
    }
    if redis := data.redis:
        engines["redis"] = lambda: redis.up
    return engines


def _backoff() -> Backoff:
    return Backoff(_FIRST_RETRY, _LAST_RETRY)


def _read_url(path: Path) -> str:
    try:
        return read_secret(path, 1).decode()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: is not UTF-8"]) from error
