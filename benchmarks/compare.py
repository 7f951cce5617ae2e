"""What it takes to compare two nodes of a million blobs: bytes on the wire, questions, time.

Both indexes are synthetic (`synthetic_index`) and lie behind the nodes' own routes; the comparison is the
replicator's own, for a replicator that knows nothing yet, and every byte between it and the two nodes is
counted, headers included, in both directions.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from benchmarks.comparison import Moved, compare
from benchmarks.context import Context
from benchmarks.result import Mark, Result, Series
from benchmarks.served_index import ServedIndex, served_index
from benchmarks.synthetic_index import add, fill

FULL, QUICK = 1_000_000, 50_000
DIFFERENT = (1, 100, 10_000)
_NODE = "a-node"  # an index has one owner, and here are two copies of it
_KB, _WANTED_KB = 1000.0, 100.0


async def run(ctx: Context) -> Result:
    """Make both, compare them equal, then ever more different."""
    held = QUICK if ctx.quick else FULL
    paths = await asyncio.to_thread(_two_indexes, ctx, held)
    async with served_index(paths[0], _NODE) as here, served_index(paths[1], _NODE) as there:
        ctx.say("first digests")
        first = await _first_digests(here)
        ctx.say("equal")
        await compare(here.side, there.side)  # the other node makes its digests
        equal = await compare(here.side, there.side)
        if not equal.equal:
            raise RuntimeError("two copies of one index are not equal")
        found = {number: await _different(ctx, here, there, held, number) for number in DIFFERENT}
    return _result(held, first, equal, found)


def _two_indexes(ctx: Context, held: int) -> tuple[Path, Path]:
    """The second is a copy, made before either has a digest: each makes its own."""
    here, there = ctx.directory / "here.db", ctx.directory / "there.db"
    ctx.say(f"{held:,} blobs and their records")
    fill(here, _NODE, range(held))
    shutil.copy(here, there)
    return here, there


async def _first_digests(served: ServedIndex) -> float:
    """Seconds to make all digests, as after a crash."""
    began = time.monotonic()
    await asyncio.to_thread(served.digests.roots)
    return time.monotonic() - began


async def _different(ctx: Context, here: ServedIndex, there: ServedIndex, held: int, number: int) -> Moved:
    """With `number` uploads there that are not here. What was added for a smaller number counts."""
    have = (await asyncio.to_thread(there.digests.roots)).blobs.items
    await asyncio.to_thread(add, there.index, range(have, held + number))
    await asyncio.to_thread(there.digests.roots)
    ctx.say(f"{number:,} differ")
    moved = await compare(here.side, there.side)
    if moved.orders != number:
        raise RuntimeError(f"{number} uploads were missing, and {moved.orders} were ordered")
    return moved


def _result(held: int, first: float, equal: Moved, found: dict[int, Moved]) -> Result:
    series = [
        Series("all digests made anew, as after a crash", "s", (first,)),
        *_series("equal", equal),
        *(each for number, moved in found.items() for each in _series(f"{number:,} missing", moved)),
    ]
    marks = (
        Mark(
            "equal: bytes of both nodes together",
            (equal.peer + equal.own) / _KB,
            _WANTED_KB,
            "KB",
            at_most=True,
        ),
    )
    return Result(f"Comparison of two nodes of {held:,} blobs and records each", tuple(series), marks, _NOTES)


def _series(name: str, moved: Moved) -> list[Series]:
    return [
        Series(f"{name}: to and from the peer", "KB", (moved.peer / _KB,)),
        Series(f"{name}: to and from the own node", "KB", (moved.own / _KB,)),
        Series(f"{name}: questions", "", (float(moved.questions),)),
        Series(f"{name}: time", "s", (moved.seconds,)),
    ]


_NOTES = (
    "Synthetic indexes, made with the node's own row functions; the nodes' routes and the replicator's walk,"
    " one process for all three. Bytes are those on the wire, both directions, headers and tokens included;"
    " only what goes to and from the peer leaves the region. 1 KB is 1,000 bytes.",
    "A missing upload differs in both trees: a branch (256 digests), a leaf and its state in `assets`, the"
    " same without states in `blobs`, where the own node is asked for each record. Orders are counted and not"
    " carried out, so that the second tree still differs; in a real round it mostly does not.",
)
