"""A derivative that is there: hot GETs of it and of a blob with the same bytes, from one node, in turn.

And one that is not: a hundred clients ask for it in the same moment, and it is rendered once.
"""

from __future__ import annotations

import asyncio
import random
from functools import partial

from benchmarks.ask import Asker
from benchmarks.context import Context
from benchmarks.derivatives import Stored, ask, get, stored
from benchmarks.images import KINDS, SIDE, SIZE, Kind
from benchmarks.load import CONNECTIONS, Load, client, load
from benchmarks.one_node import OneNode, one_node
from benchmarks.photographs import DEFAULT, jpeg, photographs, sheet
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Mark, Result, Series, ratio

SECONDS = 2.0  # of load, a round and path
AT_ONCE = 100
WANTED = 0.9
_RENDERED = "atoll_node_derivative_renders_total"


async def run(ctx: Context) -> Result:
    """One source, each format made once and stored again as a blob: the same bytes by both ways."""
    source = jpeg(sheet(photographs(ctx.photographs or DEFAULT), SIZE, random.Random(1)), 88)
    series: list[Series] = []
    ratios: list[Series] = []
    async with one_node(ctx.directory / "node") as node:
        await make_bucket_public(node, ctx.directory / "node", any_derivative=True)
        (picture,) = await stored(node, [source])
        for kind in (KINDS[0], KINDS[3]):
            ctx.say(kind.name)
            found = await _measure(ctx, node, picture, kind)
            series += found
            ratios.append(found[-1])
        storms = [await _storm(node, picture, round_) for round_ in ctx.each_round("100 at once")]
    decodes = Series(f"renderings when {AT_ONCE} ask at once for one that is not there", "", tuple(storms))
    marks = (
        *(Mark(each.name, each.median, WANTED, "×", values=each.values) for each in ratios),
        Mark(decodes.name, max(storms), 1, at_most=True, values=tuple(storms)),
    )
    notes = (
        f"{CONNECTIONS} keep-alive connections; client: {client()}. The node answers both from memory. The"
        " blob is the derivative's own bytes, uploaded as a picture.",
        "On one node. That three nodes of a region render once together is a test's matter (tests/probe).",
    )
    return Result("A derivative asked for again", (*series, decodes), marks, notes)


async def _measure(ctx: Context, node: OneNode, picture: Stored, kind: Kind) -> list[Series]:
    path = picture.derived(f"c_fit,h_{SIDE},w_{SIDE}/{kind.ours}")
    asker = Asker()
    try:
        body = (await ask(asker, node.port, path)).body
    finally:
        asker.close()
    (blob,) = await stored(node, [body])
    again, hot = await ctx.alternate(
        partial(_load, ctx, node.port, path), partial(_load, ctx, node.port, blob.path)
    )
    return [
        Series(f"{kind.name}, {len(body) / 1000:.0f} KB: derivative", "/s", tuple(r.rate for r in again)),
        Series(f"{kind.name}: derivative p99", "ms", tuple(r.p99_ms for r in again)),
        Series(f"{kind.name}: blob", "/s", tuple(r.rate for r in hot)),
        Series(f"{kind.name}: blob p99", "ms", tuple(r.p99_ms for r in hot)),
        ratio(f"{kind.name}: derivative to blob", [r.rate for r in again], [r.rate for r in hot]),
    ]


async def _load(ctx: Context, port: int, path: str, round_: int) -> Load:
    return await load(ctx.directory, port, [get(path)], SECONDS)


async def _storm(node: OneNode, picture: Stored, round_: int) -> float:
    """How many renderings there were for one derivative that a hundred wanted."""
    path = picture.derived(f"c_fit,h_{SIDE},w_{SIDE - 1 - round_}/f_webp")
    asker = Asker()
    try:
        before = await node.metric(_RENDERED)
        answers = await asyncio.gather(*(ask(asker, node.port, path) for _ in range(AT_ONCE)))
        if len({answer.body for answer in answers}) != 1 or {answer.status for answer in answers} != {200}:
            raise RuntimeError("a hundred requests for one derivative had different answers")
        return await node.metric(_RENDERED) - before
    finally:
        asker.close()
