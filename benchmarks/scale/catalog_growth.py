"""A catalog of ever more assets, with Redis (Valkey) before it: real engines (`catalog_server` says which).

`run`, a part of the scale benchmark, grows it in the MongoDB stand-in, and measures what asks by id, which
needs no index. `run_given` is a benchmark of its own: a server that has the catalog's indexes and answers
from them, for pages and searches as well.

The documents are the catalog's own, put there in bulk: through the indexer a million would take hours. What
is measured goes the real way. Costs are those of this process and of the engine that answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from atoll.backoff import Backoff
from atoll.events import BlobStored
from atoll.ids import new_id, now_ms
from benchmarks.context import Context, GivenMongo
from benchmarks.result import Absent, Result
from benchmarks.scale.catalog_fill import NODE, REGION, asset_at, fill, record_at
from benchmarks.scale.catalog_server import Server, said, server, sizes_of
from benchmarks.scale.exponents import result_of
from benchmarks.scale.growth import Growth, growth
from benchmarks.synthetic_index import BUCKET
from query_service.catalog import Catalog
from query_service.circuit import Circuit
from query_service.lookup import Lookup
from query_service.lookup_metrics import LookupMetrics
from query_service.memory_cache import MemoryCache
from query_service.redis_cache import READ_SECONDS, RedisCache
from query_service.redis_link import CONNECTIONS
from query_service.redis_url import open_redis
from query_service.search_plan import plan_of
from query_service.search_wire import SearchOrder

LOOKUPS, BATCH, MEMORY, PAGES, PAGE = 1500, 50, 20_000, 60, 100
BATCHES = 4  # few: what is measured adds to the catalog
_TOGETHER = 500  # assets that Redis is told of at once
_PATIENCE = 60.0

MEMORY_HIT = "a lookup in memory"
REDIS_HIT = "a lookup in Redis"
CATALOG_HIT = "a lookup in MongoDB"
LISTING = "a page of 100 of a listing, from anywhere in it"
SEARCH = "a page of 100 of a search by tag, the newest first"
INDEXING = "an upload's event, indexed in batches of 50"
BARE = "the same documents inserted by nobody but the driver"
_ADDED = BATCHES * BATCH  # assets, by INDEXING and then as many by BARE
# How many more there are than at a round's begin, in the middle of what is measured.
_MORE = {INDEXING: _ADDED // 2, BARE: _ADDED + _ADDED // 2}

_Found = dict[str, dict[int, list[float]]]


class _Stage(NamedTuple):
    server: Server
    catalog: Catalog
    redis: RedisCache

    def lookup(self, entries: int, *, redis: bool) -> Lookup:
        """One that remembers so many, with or without Redis."""
        memory = MemoryCache(entries, 3600.0, time.monotonic)
        metrics = LookupMetrics(CollectorRegistry())
        return Lookup(memory, self.redis if redis else None, self.catalog, metrics, now_ms)


async def run(ctx: Context) -> list[Growth]:
    """In the stand-in."""
    return await _grow(ctx, None)


async def run_given(ctx: Context) -> Result:
    """In the server of `ctx`, if there is one."""
    title = "Cost of one operation as a catalog with its indexes grows"
    if ctx.mongodb is None:
        return Result(title, (), (), absent=(Absent("a MongoDB", "none was given: --mongodb URL"),))
    found = await _grow(ctx, ctx.mongodb)
    return result_of(title, found, (said(ctx.mongodb),))


async def _grow(ctx: Context, given: GivenMongo | None) -> list[Growth]:
    """The catalog is filled from size to size; at each, every round, whose size counts what was measured."""
    found: _Found = defaultdict(dict)
    rng, filled, measured = random.Random(6), 0, 0
    async with _stage(ctx.directory, given) as stage:
        for size in sizes_of(ctx, given):
            ctx.say(f"a catalog of {size:,} assets")
            await stage.server.fill(range(filled, size))
            await _warm(stage, range(filled, size))
            filled = size
            for round_ in ctx.each_round(f"{size:,} assets"):
                for name, seconds in (await _measure(stage, size, round_, rng)).items():
                    found[name][size + measured + _MORE.get(name, 0)] = [seconds]
                measured += 2 * _ADDED
    return [growth(name, "assets", each, flat=name != BARE) for name, each in found.items()]


@contextlib.asynccontextmanager
async def _stage(directory: Path, given: GivenMongo | None) -> AsyncIterator[_Stage]:
    async with server(given, directory / "engines") as running:
        client = open_redis(running.redis_url, "bench", READ_SECONDS * 100, CONNECTIONS)
        redis = RedisCache(client, seconds=3600, clock=time.monotonic, now_ms=now_ms, backoff=Backoff(0.1, 1))
        catalog = Catalog(running.mongo, Circuit(time.monotonic, Backoff(0.2, 2.0)))
        if given:
            await catalog.ensure_indexes()
        keeper = asyncio.create_task(redis.run())
        try:
            await asyncio.wait_for(redis.wait_up(), _PATIENCE)
            yield _Stage(running, catalog, redis)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await client.aclose()


async def _warm(stage: _Stage, numbers: range) -> None:
    """Everything into Redis, as lookups would put it there."""
    for first in range(numbers.start, numbers.stop, _TOGETHER):
        some = [asset_at(n) for n in range(first, min(first + _TOGETHER, numbers.stop))]
        lease = stage.redis.lease()
        await stage.redis.put(lease, {asset.record.asset_id: asset for asset in some})


async def _measure(stage: _Stage, size: int, round_: int, rng: random.Random) -> dict[str, float]:
    asked = [record_at(rng.randrange(size)).asset_id for _ in range(LOOKUPS)]
    names = [record_at(rng.randrange(size)).public_id for _ in range(PAGES)]
    first = 10**9 * (round_ + 1) + size * 100  # beyond all that the catalog is filled with
    events = [_events(first + n * BATCH) for n in range(BATCHES)]
    more = [range(first + n * BATCH, first + (n + 1) * BATCH) for n in range(BATCHES, 2 * BATCHES)]
    memory, catalog, cpu = stage.lookup(MEMORY, redis=True), stage.catalog, stage.server.cpu
    for asset_id in asked:
        await memory.look([asset_id])
    found = {
        MEMORY_HIT: await cpu.each_awaited(lambda asset_id: memory.look([asset_id]), asked * 20),
        REDIS_HIT: await _looked_up(stage, asked, redis=True),
        CATALOG_HIT: await _looked_up(stage, asked, redis=False),
    }
    if stage.server.given:
        found |= {
            LISTING: await cpu.each_awaited(lambda name: _listed(catalog, name), names),
            SEARCH: await cpu.each_awaited(lambda number: _searched(catalog, number), range(PAGES)),
        }
    return found | {
        INDEXING: await cpu.each_awaited(catalog.apply, events) / BATCH,
        BARE: await cpu.each_awaited(lambda numbers: fill(stage.server.mongo, numbers, BATCH), more) / BATCH,
    }


async def _looked_up(stage: _Stage, asked: Iterable[str], *, redis: bool) -> float:
    """RuntimeError when one is not found."""
    lookup, missed = stage.lookup(1, redis=redis), 0

    async def look(asset_id: str) -> None:
        nonlocal missed
        missed += (await lookup.look([asset_id]))[asset_id].asset is None

    seconds = await stage.server.cpu.each_awaited(look, list(asked))
    await lookup.close()
    if missed:
        raise RuntimeError(f"{missed} lookups found nothing")
    return seconds


async def _listed(catalog: Catalog, after: str) -> None:
    await catalog.page(BUCKET, after=after, limit=PAGE)


async def _searched(catalog: Catalog, number: int) -> None:
    """RuntimeError when it finds nothing."""
    order = SearchOrder(bucket=BUCKET, tags=(f"tag-{number % 50}",), sort="-created_at")
    if not (await catalog.search(plan_of(order), PAGE)).assets:
        raise RuntimeError("a search found nothing")


def _events(first: int) -> Sequence[BlobStored]:
    at = now_ms()
    return [
        BlobStored(id=new_id(at), at=at, node=NODE, region=REGION, set="s1", asset=record_at(n, at))
        for n in range(first, first + BATCH)
    ]
