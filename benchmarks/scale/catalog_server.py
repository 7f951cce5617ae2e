"""Where a catalog is grown: in the MongoDB stand-in, or in a server that is given (`--mongodb URL`).

The stand-in answers no question from an index but that of ids, and takes 5 ms for a document to keep all of
the catalog's: it has none here. A given server is filled without any, and they are made when it is full, as
operators do: through eleven indexes a million would take an hour.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from pymongo import AsyncMongoClient

from atoll.local.engines import MONGODB, VALKEY, GivenUrls, LocalEngines
from benchmarks.context import Context, GivenMongo
from benchmarks.scale.catalog_fill import FILLED, fill
from benchmarks.scale.cpu import Cpu
from query_service.catalog_indexes import INDEXES
from query_service.mongo_driver import MongoDatabase

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (1_000, 3_000)
_STAND_IN, _GIVEN = 200, 1000  # documents at once


class Server(NamedTuple):
    """A running one, and Valkey. `given`: it answers each question by one index, as MongoDB does."""

    mongo: MongoDatabase
    database: str
    redis_url: str
    cpu: Cpu
    given: str | None

    async def fill(self, numbers: range) -> None:
        """Put these assets into it."""
        if self.given is None:
            await fill(self.mongo, numbers, _STAND_IN)
            return
        for name in FILLED:
            await self.mongo.collection(name).drop_indexes()
        await fill(self.mongo, numbers, _GIVEN)
        client = AsyncMongoClient[dict[str, object]](self.given)  # with all the time that it takes
        try:
            for name in FILLED:
                await client[self.database][name].create_indexes(INDEXES[name])
        finally:
            await client.close()


def sizes_of(ctx: Context, given: GivenMongo | None) -> tuple[int, ...]:
    """How many assets, one size after the other."""
    if ctx.quick or given is None:
        return QUICK_SIZES if ctx.quick else SIZES
    return (*(size for size in SIZES if size < given.assets), given.assets)


def said(given: GivenMongo | None) -> str:
    """For the notes of a result."""
    if given is None:
        return (
            "Assets: the MongoDB stand-in and Valkey, both real servers; the stand-in is not MongoDB. It has"
            " no index here but that of ids, which is all that these operations ask: it answers from no"
            " other. What the catalog's indexes cost, `catalog` says, on a server that uses them."
        )
    cost = "" if given.pids else "; for it, the cost is the time waited"
    return (
        f"Assets: {given.name} and Valkey, real servers{cost}. Filled in bulk, its indexes made afterwards."
    )


@contextlib.asynccontextmanager
async def server(given: GivenMongo | None, directory: Path) -> AsyncIterator[Server]:
    """The engines, for as long as the context lasts."""
    urls = GivenUrls(mongodb=given.url if given else None)
    async with LocalEngines(directory, given=urls) as engines:
        ours = [name for name in (MONGODB, VALKEY) if name == VALKEY or given is None]
        pids = [pid for name in ours if (pid := engines.process(name).status.pid) is not None]
        cpu = Cpu([*pids, *(given.pids if given else ())], waits=given is not None and not given.pids)
        database = f"atoll-scale-{secrets.token_hex(4)}"
        mongo = MongoDatabase(engines.urls.mongodb, database, "motor", "bench")
        try:
            yield Server(mongo, database, engines.urls.redis, cpu, given.url if given else None)
        finally:
            await mongo.close()
            if given:
                async with AsyncMongoClient[dict[str, object]](given.url) as client:
                    await client.drop_database(database)
