"""Two nodes of 10^3 to 10^6 blobs compared by a replicator: equal, and with one upload missing.

As `compare`, which counts bytes; here it is the processor time of both nodes and the replicator together.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.comparison import compare
from benchmarks.context import Context
from benchmarks.scale.cpu import Cpu
from benchmarks.scale.filled import NODE, QUICK_SIZES, SIZES, filled
from benchmarks.scale.growth import Growth, growth
from benchmarks.served_index import ServedIndex, served_index
from benchmarks.synthetic_index import add

EQUAL = "comparing two nodes that are equal"
ONE = "comparing two nodes when one upload is missing"
COMPARISONS = 20


async def run(ctx: Context) -> list[Growth]:
    """Each size with two copies of one index."""
    sizes = QUICK_SIZES if ctx.quick else SIZES
    found: dict[str, dict[int, list[float]]] = {name: {} for name in (EQUAL, ONE)}
    for size in sizes:
        ctx.say(f"two indexes of {size:,} blobs")
        paths = await asyncio.to_thread(_two, ctx.directory, size)
        async with served_index(paths[0], NODE) as here, served_index(paths[1], NODE) as there:
            await compare(here.side, there.side)  # both make their digests
            found[EQUAL][size] = [await _comparisons(here, there) for _ in ctx.each_round("equal")]
            await asyncio.to_thread(add, there.index, [size])
            await compare(here.side, there.side)
            found[ONE][size] = [await _comparisons(here, there) for _ in ctx.each_round("one missing")]
    return [growth(name, "blobs", each) for name, each in found.items()]


async def _comparisons(here: ServedIndex, there: ServedIndex) -> float:
    return await Cpu().each_awaited(lambda _: compare(here.side, there.side), range(COMPARISONS))


def _two(directory: Path, size: int) -> tuple[Path, Path]:
    here, there = directory / f"here-{size}.db", directory / f"there-{size}.db"
    filled(directory, size, here)
    filled(directory, size, there)
    return here, there
