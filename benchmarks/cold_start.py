"""How soon a node with a million blobs in its index serves, and how much memory it takes meanwhile.

The index is synthetic (`synthetic_index`), one blob is real. In each round the node is started twice: after
an orderly stop and after a kill, each time with the pages of its index dropped from the system's cache.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from benchmarks.ask import Asker
from benchmarks.context import Context
from benchmarks.derivatives import get, stored
from benchmarks.family_memory import Memory, peak_while
from benchmarks.lean_client import Request
from benchmarks.one_node import NODE, OneNode, one_node
from benchmarks.page_cache import forget
from benchmarks.pictures import jpeg_80k
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Mark, Result, Series
from benchmarks.synthetic_index import fill

HELD, QUICK_HELD = 1_000_000, 50_000
WANTED_SECONDS, WANTED_MB = 2.0, 200.0
_AFTER_SECONDS = 5.0  # memory is looked at for so long after the first byte
_DEADLINE, _ASK_AGAIN_SECONDS = 60.0, 0.005


class _Start(NamedTuple):
    seconds: float
    memory: Memory


async def run(ctx: Context) -> Result:
    """Fill the index of a node that has one picture, then start it again and again."""
    held = QUICK_HELD if ctx.quick else HELD
    async with one_node(ctx.directory / "node") as node:
        await make_bucket_public(node, ctx.directory / "node")
        (picture,) = await stored(node, [jpeg_80k(random.Random(8))])
        asked = get(picture.path)
        await node.managed.stop()
        ctx.say(f"{held:,} blobs and their records")
        await asyncio.to_thread(fill, node.data / "index.db", NODE, range(held))
        await _started(node, asked, node.managed.stop)  # the first start may write down what it finds
        orderly, killed = await ctx.alternate(
            lambda _: _started(node, asked, node.managed.stop),
            lambda _: _started(node, asked, lambda: node.managed.kill(restart=False)),
        )
        size = (node.data / "index.db").stat().st_size
    return _result(held, size, orderly, killed)


async def _started(node: OneNode, asked: Request, end: Callable[[], Awaitable[None]]) -> _Start:
    await end()
    for path in node.data.glob("index.db*"):
        forget(path)
    began = time.monotonic()
    starting = asyncio.create_task(node.managed.start())
    async with asyncio.timeout(_DEADLINE):
        await _first_byte(node.port, asked)
    seconds = time.monotonic() - began
    await starting
    return _Start(seconds, await peak_while(node.process, asyncio.sleep(_AFTER_SECONDS)))


async def _first_byte(port: int, asked: Request) -> None:
    """Ask until the blob comes."""
    asker = Asker()
    try:
        while True:
            with suppress(OSError):
                if (await asker.ask(port, asked)).status == 200:
                    return
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
    finally:
        asker.close()


def _result(held: int, size: int, orderly: list[_Start], killed: list[_Start]) -> Result:
    series: list[Series] = []
    for name, starts in (("after an orderly stop", orderly), ("after a kill", killed)):
        series += [
            Series(f"{name}: to the first blob", "s", tuple(each.seconds for each in starts)),
            Series(f"{name}: PSS", "MB", tuple(each.memory.pss for each in starts)),
            Series(f"{name}: RSS", "MB", tuple(each.memory.rss for each in starts)),
        ]
    slowest, most = max(series[0::3], key=lambda s: s.median), max(series[1::3], key=lambda s: s.median)
    marks = (
        Mark(slowest.name, slowest.median, WANTED_SECONDS, "s", at_most=True, values=slowest.values),
        Mark(most.name, most.median, WANTED_MB, "MB", at_most=True, values=most.values),
    )
    notes = (
        f"{held:,} blobs and their records in an index of {size / 1e6:,.0f} MB, whose pages the system was"
        " told to forget before each start. From the start of the program to the last byte of a picture.",
        "Memory: the node's process and its inspection workers together, the highest within"
        f" {_AFTER_SECONDS:g} s of the first answer. PSS counts what processes share once.",
    )
    return Result(f"Cold start with {held:,} blobs", tuple(series), marks, notes)
