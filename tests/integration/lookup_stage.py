"""What a query service looks assets up with, on real engines, with its catalog reads counted and held."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from atoll.backoff import Backoff
from atoll.cancelling import cancel_and_wait
from atoll.ids import now_ms
from query_service.arrivals import Arrivals
from query_service.asset_finder import AssetFinder
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.circuit import Circuit
from query_service.deletes import Departed
from query_service.lookup import Lookup
from query_service.lookup_metrics import LookupMetrics
from query_service.memory_cache import MemoryCache
from query_service.mongo_driver import Driver, MongoDatabase
from query_service.redis_cache import AGAIN_SECONDS, RedisCache
from query_service.redis_link import CONNECTIONS
from query_service.redis_url import open_redis

PATIENCE = 20.0


class WatchedCatalog(Catalog):
    """The real catalog; it counts reads, and while `hold` is on, keeps back answers that it already has."""

    def __init__(self, mongo: MongoDatabase) -> None:
        super().__init__(mongo, Circuit(time.monotonic, Backoff(0.05, 0.2)))
        self.reads = 0
        self.answered = asyncio.Event()  # an answer is being held
        self._go = asyncio.Event()
        self._go.set()

    def hold(self) -> None:
        self._go.clear()
        self.answered.clear()

    def release(self) -> None:
        self._go.set()

    async def assets(self, asset_ids: Iterable[str]) -> Mapping[str, CatalogAsset]:
        self.reads += 1
        found = await super().assets(asset_ids)
        self.answered.set()
        await self._go.wait()
        return found


@dataclass
class Stage:
    """One process's half of the data."""

    catalog: WatchedCatalog
    redis: RedisCache
    lookup: Lookup
    memory: MemoryCache
    arrivals: Arrivals
    departed: Departed
    finder: AssetFinder
    client: Redis

    async def asset(self, asset_id: str) -> CatalogAsset | None:
        """What the lookup has of one."""
        return (await self.many([asset_id])).get(asset_id)

    async def many(self, asset_ids: Iterable[str]) -> dict[str, CatalogAsset]:
        """Those that it has, in memory or further away."""
        ids = list(asset_ids)
        near = {i: asset for i in ids if (asset := self.lookup.cached(i))}
        seen = await self.lookup.look(i for i in ids if i not in near)
        return near | {i: sight.asset for i, sight in seen.items() if sight.asset}

    async def invalidate(self, asset_ids: Iterable[str], came: Mapping[str, int] | None = None) -> bool:
        """As `Invalidation` does, in its order."""
        ids = list(asset_ids)
        told = await self.redis.invalidate(ids, came)
        self.lookup.forget(ids)
        return told

    async def settle(self) -> None:
        """Return when what lookups do after they have answered, storing in Redis, is done."""
        batches = [task for task in asyncio.all_tasks() if task.get_name() == "lookup batch"]
        await asyncio.wait_for(asyncio.gather(*batches), PATIENCE)

    async def redis_pauses(self, seconds: float) -> None:
        """It answers nobody for so long, from now on."""
        await self.client.execute_command("CLIENT", "PAUSE", round(seconds * 1000))

    async def redis_up(self) -> None:
        await asyncio.wait_for(self.redis.wait_up(), PATIENCE)


@contextlib.asynccontextmanager
async def lookup_stage(
    mongodb: str,
    database: str,
    redis_url: str,
    driver: Driver = "motor",
    memory_seconds: float = 30.0,
    arrival_seconds: float = PATIENCE,
    keep_redis: bool = True,
) -> AsyncIterator[Stage]:
    """A stage whose Redis has arrived, or with `keep_redis` false never does."""
    mongo = MongoDatabase(mongodb, database, driver, "test")
    client = open_redis(redis_url, "test", AGAIN_SECONDS, CONNECTIONS)
    redis = RedisCache(client, seconds=600, clock=time.monotonic, now_ms=now_ms, backoff=Backoff(0.02, 0.1))
    catalog = WatchedCatalog(mongo)
    memory = MemoryCache(1000, memory_seconds, time.monotonic)
    departed = Departed()
    arrivals = Arrivals(arrival_seconds, 10, time.monotonic)
    lookup = Lookup(memory, redis, catalog, LookupMetrics(CollectorRegistry()), now_ms, arrivals.told)
    finder = AssetFinder(lookup, arrivals, departed)
    keepers = [asyncio.create_task(redis.run())] if keep_redis else []
    stage = Stage(catalog, redis, lookup, memory, arrivals, departed, finder, client)
    try:
        if keep_redis:
            await stage.redis_up()
        yield stage
    finally:
        catalog.release()
        await lookup.close()
        await cancel_and_wait(keepers)
        await client.aclose()
        await mongo.close()
