"""Resolving from one query service's process, against a bare aiohttp handler that returns the same bytes.

A whole local cluster with real engines. One query service keeps lookups in memory, the other may keep one
entry only: asked for many assets in turn, it finds each in Redis, and never in memory.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

import msgspec

from atoll.local.cluster import LocalCluster
from atoll.local.ports import LOOPBACK
from benchmarks.ask import Asker
from benchmarks.bare_server import bare_server
from benchmarks.context import Context
from benchmarks.lean_client import Request
from benchmarks.load import CONNECTIONS, Load, client, load, rates_of
from benchmarks.pictures import Pictures
from benchmarks.result import Mark, Result, Series, ratio
from benchmarks.uploader import Uploader

ASSETS = 500
BATCH = 100
SECONDS = 2.0  # of load, a round and server
WANTED_MEMORY, WANTED_REDIS, WANTED_IDS = 0.6, 0.3, 20_000.0
MEMORY, REDIS = "query-eu-central", "query-us-east"
_AT_ONCE = 16  # uploads
_EVERYWHERE_SECONDS = _WARM_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 0.2


async def run(ctx: Context) -> Result:
    """Fill a cluster, warm the caches, and measure memory, Redis and the bare handler in turn."""
    ctx.say("starting a cluster")
    limits = {REDIS: {"memory_cache_entries": 1}}
    async with LocalCluster(ctx.directory / "cluster", extra=limits) as cluster:
        stage = _Stage(ctx, cluster)
        ctx.say(f"uploading {ASSETS} pictures, until they are everywhere")
        await stage.fill()
        answer = ctx.directory / "answer.json"
        answer.write_bytes(await stage.warm())
        async with bare_server(ctx.directory / "bare", "answer", answer) as bare:
            found = [await stage.round(round_, bare.port) for round_ in ctx.each_round("resolving")]
        await stage.check()
    return _result([tuple(each) for each in zip(*found, strict=True)], answer.stat().st_size)


class _Stage:
    """A cluster with assets in it, and the requests for them."""

    def __init__(self, ctx: Context, cluster: LocalCluster) -> None:
        self._ctx, self._cluster = ctx, cluster
        self._asker = Asker()
        self._asset_ids: list[str] = []

    async def fill(self) -> None:
        """Upload, and return when both query services know every copy."""
        pictures = Pictures(random.Random(4))
        uploader = Uploader(self._cluster, self._asker)
        waiting = iter(pictures.take(ASSETS))

        async def work() -> None:
            for picture in waiting:
                self._asset_ids.append((await uploader.upload(picture)).asset_id)

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        async with asyncio.timeout(_EVERYWHERE_SECONDS):
            for name in (MEMORY, REDIS):
                while not await self._is_everywhere(name):  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(_ASK_AGAIN_SECONDS)

    async def _is_everywhere(self, name: str) -> bool:
        answer = await self._asker.ask(self._cluster.ports[name], self._batch(self._asset_ids))
        results = msgspec.json.decode(answer.body)["results"]
        return all(len(result.get("alternatives", ())) == 2 for result in results)

    async def warm(self) -> bytes:
        """Ask for everything until the catalog is asked no more; an answer.

        What was invalidated a moment ago is not taken into Redis for some seconds.
        """
        async with asyncio.timeout(_WARM_SECONDS):
            for name in (MEMORY, REDIS):
                while (await self._ask_all(name))["catalog"]:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(_ASK_AGAIN_SECONDS)
        self._before = {name: await self._lookups(name) for name in (MEMORY, REDIS)}
        return (await self._asker.ask(self._cluster.ports[MEMORY], self._requests()[0])).body

    async def _ask_all(self, name: str) -> Counter[str]:
        """Resolve each asset; where the lookups were found."""
        before = await self._lookups(name)
        for request in self._requests():
            answer = await self._asker.ask(self._cluster.ports[name], request)
            if answer.status != 200:
                raise RuntimeError(f"an asset does not resolve: {answer}")
        return await self._lookups(name) - before

    async def round(self, round_: int, bare: int) -> tuple[Load, Load, Load, Load]:
        """From memory, by the bare handler, from Redis, in batches."""
        put = partial(load, self._ctx.directory, seconds=SECONDS)
        memory, redis = (self._cluster.ports[name] for name in (MEMORY, REDIS))
        requests = self._requests()
        random.Random(round_).shuffle(requests)
        return (
            await put(memory, requests),
            await put(bare, requests),
            await put(redis, requests),
            await put(memory, [self._batch(self._asset_ids[:BATCH])]),
        )

    async def check(self) -> None:
        """RuntimeError unless the lookups since `warm` were found where the table says."""
        for name, place in ((MEMORY, "memory"), (REDIS, "redis")):
            found = await self._lookups(name) - self._before[name]
            if found[place] < 0.99 * found.total():
                raise RuntimeError(f"{name} found its lookups in other places than {place}: {found}")
        self._asker.close()

    async def _lookups(self, name: str) -> Counter[str]:
        text = (await self._asker.ask(self._cluster.ports[name], (_METRICS,))).body.decode()
        return Counter({m[1]: int(float(m[2])) for m in re.finditer(_LOOKUPS, text, re.MULTILINE)})

    def _requests(self) -> list[Request]:
        key = self._cluster.admin_key
        return [
            Request(
                f"GET /v1/assets/{asset_id}/url HTTP/1.1\r\nHost: {LOOPBACK}\r\n"
                f"Authorization: Bearer {key}\r\n\r\n".encode()
            )
            for asset_id in self._asset_ids
        ]

    def _batch(self, asset_ids: Sequence[str]) -> Request:
        body = msgspec.json.encode({"items": [{"asset_id": asset_id} for asset_id in asset_ids]})
        head = (
            f"POST /v1/resolve HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._cluster.admin_key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return Request(head.encode(), body)


_METRICS = f"GET /metrics HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode()
_LOOKUPS = r'^atoll_lookups_total\{[^}]*where="(\w+)"[^}]*\} (\S+)'


def _result(found: Sequence[tuple[Load, ...]], size: int) -> Result:
    memory, bare, redis, batch = found
    bare_rates = [each.rate for each in bare]
    from_memory = ratio("memory to bare handler", [each.rate for each in memory], bare_rates)
    from_redis = ratio("Redis to bare handler", [each.rate for each in redis], bare_rates)
    ids = Series(
        f"assets in batches of {BATCH}, from memory", "/s", tuple(each.rate * BATCH for each in batch)
    )
    series = (
        *rates_of("bare handler", bare),
        *rates_of("resolve from memory", memory),
        from_memory,
        *rates_of("resolve from Redis", redis),
        from_redis,
        ids,
        Series("a batch p50", "ms", tuple(each.p50_ms for each in batch)),
    )
    marks = (
        Mark("ratio from memory", from_memory.median, WANTED_MEMORY, values=from_memory.values),
        Mark("ratio from Redis", from_redis.median, WANTED_REDIS, values=from_redis.values),
        Mark(f"ids a second in batches of {BATCH}", ids.median, WANTED_IDS, "/s", values=ids.values),
    )
    notes = (
        f"GET /v1/assets/{{id}}/url for {ASSETS} assets in turn, with an API key; {CONNECTIONS} keep-alive"
        f" connections; client: {client()}. Answers have {size} bytes.",
        "From Redis: a query service whose memory cache holds one entry, so that each lookup is one read of"
        " the shared cache. Lookups of the same moment share a round trip. The run fails if fewer than 99 %"
        " of the lookups were found where the table says.",
        "The cluster's other daemons and engines run beside it, idle.",
    )
    return Result("Resolve against a bare aiohttp handler", series, marks, notes)
