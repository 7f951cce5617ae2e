"""Derivatives through HTTP, each asked for once: a node against thumbor on the same files.

A photograph of 2,040 x 1,360 becomes 512 pixels wide, as JPEG, WebP, PNG and AVIF. No request comes twice:
the box it shall fit in is one pixel higher each time, which changes its name and nothing else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.context import Context
from benchmarks.derivatives import get, stored
from benchmarks.lean_client import Request, percentile, send_all
from benchmarks.likeness import Likeness, likeness
from benchmarks.one_node import one_node
from benchmarks.photographs import DEFAULT, jpeg, photographs, sheet
from benchmarks.public_bucket import make_bucket_public
from benchmarks.result import Absent, Mark, Result, Series, ratio
from benchmarks.thumbor import PACKAGES, PROCESSES, missing, thumbor
from storage_node.rendering.encode import AVIF_SPEED, PNG_LEVEL

SIZE = (2040, 1360)
SIDE = 512
CLIENTS = 4
SOURCES = 8
_SOURCE_QUALITY = 88
_TITLE = "Derivatives of photographs against thumbor"


class Kind(NamedTuple):
    """What is asked for: how each side calls it, how often a round, and what ratio is wanted."""

    name: str
    ours: str
    theirs: str
    requests: int
    wanted: float


KINDS = (
    Kind("JPEG", "f_jpg,q_80", "quality(80):format(jpeg)", 160, 1.3),
    Kind("WebP", "f_webp,q_80", "quality(80):format(webp)", 96, 1.1),
    Kind("PNG", "f_png", "format(png)", 96, 1.1),
    Kind("AVIF", "f_avif,q_60", "quality(60):format(avif)", 96, 1.1),
)


class Server(NamedTuple):
    """One of the two. `path`: of a kind, a source's number, and how high the box to fit in is."""

    port: int
    process: psutil.Process
    path: Callable[[Kind, int, int], str]


class _Round(NamedTuple):
    rate: float  # derivatives a second
    p50_ms: float
    p95_ms: float
    cpu_ms: float  # a derivative, of all processes of the server


async def run(ctx: Context) -> Result:
    """Upload the sources, give thumbor the same files, and measure format by format, in turn."""
    ctx.say("making photographs, and installing thumbor if it is not there")
    if (why := await missing()) is not None:
        return Result(_TITLE, (), (), (), absent=(Absent("thumbor", why),))
    sources = await asyncio.to_thread(_sources, ctx.photographs or DEFAULT)
    files = ctx.directory / "files"
    files.mkdir()
    for number, body in enumerate(sources):
        (files / f"{number}.jpg").write_bytes(body)
    series: list[Series] = []
    marks: list[Mark] = []
    async with (
        one_node(ctx.directory / "node") as node,
        thumbor(ctx.directory / "thumbor", files, PNG_LEVEL, AVIF_SPEED) as peer,
        thumbor(ctx.directory / "thumbor-1", files, PNG_LEVEL, AVIF_SPEED, processes=1) as single,
    ):
        await make_bucket_public(node, ctx.directory / "node", any_derivative=True)
        pictures = await stored(node, sources)
        ours = Server(
            node.port,
            node.process,
            lambda kind, source, height: pictures[source].derived(f"c_fit,h_{height},w_{SIDE}/{kind.ours}"),
        )
        theirs = Server(peer.port, peer.process, _their_path)
        for kind in KINDS:
            ctx.say(kind.name)
            found, mark = await _measure(ctx, kind, ours, theirs, sources)
            series += found
            marks.append(mark)
        series += await _against_one_process(ctx, Server(single.port, single.process, _their_path), series[0])
    return Result(_TITLE, tuple(series), tuple(marks), _notes(sources))


def _sources(directory: Path) -> list[bytes]:
    of, rng = photographs(directory), random.Random(1)
    return [jpeg(sheet(of, SIZE, rng), _SOURCE_QUALITY) for _ in range(SOURCES)]


def _their_path(kind: Kind, source: int, height: int) -> str:
    return f"/unsafe/fit-in/{SIDE}x{height}/filters:{kind.theirs}/{source}.jpg"


async def _against_one_process(ctx: Context, single: Server, ours: Series) -> list[Series]:
    """Thumbor as it starts by itself. Not what the mark is about: it leaves a core idle."""
    kind = KINDS[0]
    await _load(kind, single, CLIENTS * 2, SIDE + 1)
    rates = [(await _round(kind, single, n)).rate for n in ctx.each_round("thumbor with one process")]
    name = f"{kind.name}: thumbor with one process, its default"
    return [
        Series(name, "/s", tuple(rates)),
        ratio(f"{kind.name}: node to thumbor with one process", ours.values, rates),
    ]


async def _measure(
    ctx: Context, kind: Kind, ours: Server, theirs: Server, sources: list[bytes]
) -> tuple[list[Series], Mark]:
    """Each side's first picture warms it, and is looked at."""
    alike = [await likeness(server.port, server.path(kind, 0, SIDE), sources[0]) for server in (ours, theirs)]
    for server in (ours, theirs):
        await _load(kind, server, CLIENTS * 2, SIDE + 1)
    mine, peers = await ctx.alternate(partial(_round, kind, ours), partial(_round, kind, theirs))
    compared = ratio(f"{kind.name}: node to thumbor", [r.rate for r in mine], [r.rate for r in peers])
    series = [
        *_rates(kind, "node", mine, alike[0]),
        *_rates(kind, "thumbor", peers, alike[1]),
        compared,
        ratio(
            f"{kind.name}: thumbor's CPU to the node's", [r.cpu_ms for r in peers], [r.cpu_ms for r in mine]
        ),
    ]
    mark = Mark(f"{kind.name}, ratio", compared.median, kind.wanted, "×", values=compared.values)
    return series, mark


async def _round(kind: Kind, server: Server, round_: int) -> _Round:
    per_source = kind.requests // SOURCES
    return await _load(kind, server, kind.requests, SIDE + 3 + round_ * per_source)


async def _load(kind: Kind, server: Server, number: int, height: int) -> _Round:
    requests = [_request(server, kind, each, height) for each in range(number)]
    before = _cpu(server.process)
    run = await send_all(server.port, requests, CLIENTS, b"200")
    spent = _cpu(server.process) - before
    p50, p95 = (percentile(run.waits, share) * 1000 for share in (0.5, 0.95))
    return _Round(number / run.seconds, p50, p95, spent * 1000 / number)


def _request(server: Server, kind: Kind, number: int, height: int) -> Request:
    """The sources in turn; with each turn a higher box."""
    return get(server.path(kind, number % SOURCES, height + number // SOURCES))


def _cpu(process: psutil.Process) -> float:
    """Seconds of it and of all below it."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _rates(kind: Kind, who: str, rounds: list[_Round], alike: Likeness) -> list[Series]:
    name = f"{kind.name}: {who}"
    return [
        Series(name, "/s", tuple(r.rate for r in rounds)),
        Series(f"{name} p50", "ms", tuple(r.p50_ms for r in rounds)),
        Series(f"{name} p95", "ms", tuple(r.p95_ms for r in rounds)),
        Series(f"{name}, CPU", "ms", tuple(r.cpu_ms for r in rounds)),
        Series(f"{name}, size of the first", "KB", (alike.kilobytes,)),
        Series(f"{name}, likeness of the first to the source (1: the same)", "", (alike.similarity,)),
    ]


def _notes(sources: list[bytes]) -> tuple[str, ...]:
    size = sum(map(len, sources)) / len(sources) / 1000
    return (
        f"{SOURCES} JPEGs of {SIZE[0]:,} × {SIZE[1]:,} pixels, {size:,.0f} KB each: sheets of photographs."
        f" {CLIENTS} clients on keep-alive connections, the same lean client for both. No request comes"
        " twice: each has another source or another box to fit in, for a result of the same size.",
        f"thumbor: {', '.join(PACKAGES)}, {PROCESSES} processes (one a core), file loader, no storage, result"
        " storage off. The node: 2 rendering processes; it hashes a source before it is rendered (and"
        " again ten seconds later), renders in a sandbox, and keeps, hashes and records each result: thumbor"
        " does none of these.",
        "Both: Pillow, baseline JPEG with optimized tables and colours at half the resolution; WebP"
        f" at libwebp's own effort (4 of 6), PNG at level {PNG_LEVEL}, AVIF at speed {AVIF_SPEED}, and the"
        " same qualities: JPEG and WebP 80, AVIF 60. Both resize by Lanczos: thumbor by Pillow's own loop,"
        " the node by the processor's vector instructions (cykooz.resizer), and from fewer pixels: it decodes"
        " to three eighths; likeness says what that costs. In a PNG of a photograph it lets zlib"
        " look for runs and not for repetitions, which thumbor cannot be told; sizes say what that costs.",
    )
