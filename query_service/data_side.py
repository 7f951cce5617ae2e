"""The half of a query service that knows assets, put together in order: catalog, caches, and what keeps them
honest. Called by app.py, which owns what is passed in; MongoDB and Redis are connected to when first used.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from atoll.backoff import Backoff
from atoll.bus import Bus
from atoll.ids import now_ms
from atoll.settings import SettingsError, read_secret
from atoll.signing import Keys
from query_service.arrivals import Arrivals
from query_service.catalog import Catalog
from query_service.catalog_watch import CatalogWatch
from query_service.circuit import Circuit
from query_service.hook_store import HookStore
from query_service.invalidation import Invalidation
from query_service.job_silence import Silence
from query_service.job_store import JobStore
from query_service.lookup import Lookup
from query_service.lookup_metrics import LookupMetrics
from query_service.memory_cache import MemoryCache
from query_service.mongo_driver import Driver, MongoDatabase
from query_service.redis_cache import AGAIN_SECONDS, RedisCache
from query_service.redis_link import CONNECTIONS
from query_service.redis_url import open_redis
from query_service.render_log import RenderLog
from query_service.settings import QuerySettings
from query_service.shared_redis import CONNECT_SECONDS, SharedRedis
from query_service.shared_redis import CONNECTIONS as SHARED_CONNECTIONS

_FIRST_RETRY, _LAST_RETRY = 0.2, 5.0  # seconds, to whatever is away


class DataSide(NamedTuple):
    """Catalog and caches."""

    catalog: Catalog
    watch: CatalogWatch
    redis: RedisCache | None
    lookup: Lookup
    arrivals: Arrivals
    invalidation: Invalidation
    shared: SharedRedis | None
    renders: RenderLog
    jobs: JobStore
    hooks: HookStore

    def engines(self, nats: Callable[[], bool]) -> dict[str, Callable[[], bool]]:
        """Per engine the question whether it is up; `nats` is the one that is not ours."""
        engines = {"nats": nats, "mongodb": lambda: self.watch.up}
        if redis := self.redis:
            engines["redis"] = lambda: redis.up
        return engines


def open_data(
    settings: QuerySettings, keys: Keys, bus: Bus, registry: CollectorRegistry, stack: AsyncExitStack
) -> DataSide:
    """Catalog, caches and what keeps them honest; they connect when first used."""
    driver: Driver = "pymongo" if settings.mongodb_driver == "pymongo" else "motor"
    mongo = MongoDatabase(
        _read_url(settings.mongodb_url_file), settings.mongodb_database, driver, settings.name
    )
    stack.push_async_callback(mongo.close)
    catalog = Catalog(mongo, Circuit(time.monotonic, backoff()), settings.catalog_marks_days)
    redis = _open_redis(settings, stack)
    memory = MemoryCache(settings.memory_cache_entries, settings.memory_cache_seconds, time.monotonic)
    metrics = LookupMetrics(registry)
    arrivals = Arrivals(
        settings.arrival_seconds, settings.max_arrivals_awaited, time.monotonic, metrics.awaited.inc
    )
    lookup = Lookup(memory, redis, catalog, metrics, now_ms, arrivals.told)
    stack.push_async_callback(lookup.close)
    shared = _open_shared(settings, stack)
    return DataSide(
        catalog,
        CatalogWatch(catalog, backoff()),
        redis,
        lookup,
        arrivals,
        Invalidation(bus, keys, lookup, redis),
        shared,
        RenderLog(shared, settings.history_renders, settings.history_days, now_ms),
        JobStore(mongo, settings.job_days * 86_400_000, silence_of(settings), now_ms),
        HookStore(mongo, settings.webhook_log_days * 86_400_000),
    )


def _open_redis(settings: QuerySettings, stack: AsyncExitStack) -> RedisCache | None:
    if settings.redis_url_file is None:
        return None
    redis = open_redis(_read_url(settings.redis_url_file), settings.name, AGAIN_SECONDS, CONNECTIONS)
    stack.push_async_callback(redis.aclose)
    return RedisCache(
        redis,
        seconds=settings.redis_cache_seconds,
        clock=time.monotonic,
        now_ms=now_ms,
        backoff=backoff(),
    )


def _open_shared(settings: QuerySettings, stack: AsyncExitStack) -> SharedRedis | None:
    if settings.redis_url_file is None:
        return None
    redis = open_redis(_read_url(settings.redis_url_file), settings.name, CONNECT_SECONDS, SHARED_CONNECTIONS)
    stack.push_async_callback(redis.aclose)
    return SharedRedis(redis, Circuit(time.monotonic, backoff()))


def silence_of(settings: QuerySettings) -> Silence:
    """How long nothing may be heard of a job."""
    return Silence(settings.job_silence_seconds * 1000)


def backoff() -> Backoff:
    """The pace of trying what is away."""
    return Backoff(_FIRST_RETRY, _LAST_RETRY)


def _read_url(path: Path) -> str:
    try:
        return read_secret(path, 1).decode()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: is not UTF-8"]) from error
