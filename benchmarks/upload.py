"""Durable uploads of 80 KB to one node, against a bare loop that only writes and fsyncs the same files.

In a new store, where nearly every file needs a directory that must be made and made durable in its parent,
and in one whose 65,536 directories are all there. Where fsync costs next to nothing (a virtual disk with a
cache), the bare loop is bound by the processor and so is the node, which decodes each picture on top. A loop
that decodes too says how much of the difference that is; a bare server of as many processes, which takes the
same files over HTTP, decodes and writes them, says what aiohttp comes to on the machine without all the rest.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import psutil

from atoll.local.cluster_plan import Value
from atoll.local.ports import LOOPBACK
from benchmarks.bare_files import THREADS, BareLoop
from benchmarks.bare_pair import Servers, bare_servers
from benchmarks.bare_uploads import request
from benchmarks.context import Context
from benchmarks.lean_client import percentile, send_all
from benchmarks.one_node import BUCKET, OneNode, one_node
from benchmarks.pictures import Picture, Pictures, make_directories
from benchmarks.result import Mark, Result, Series, ratio

CLIENTS = THREADS
UPLOADS = 1500  # a round
FULL = "full"  # the bucket whose directories are all there
WANTED = 0.3
LONGEST = 0.02  # seconds that a loop may be held
_BUSY = re.compile(r'^atoll_loop_busy_seconds_bucket{[^}]*le="([^"]+)"[^}]*} (\S+)$', re.MULTILINE)
_LOOKS = re.compile(r"^atoll_loop_busy_seconds_count({[^}]*})? (\S+)$", re.MULTILINE)
STEADY = 5.0  # p99 to p50 at most
_DRAIN_SECONDS = 60.0


class _Round(NamedTuple):
    rate: float
    p50_ms: float
    p99_ms: float
    client_cpu: float  # milliseconds an upload
    node_cpu: float
    worker_cpu: float
    backlog: float
    stalls: float  # how often a loop's own thread held it for longer than LONGEST


class _Store(NamedTuple):
    """Where a bucket's pictures go: a node, and what is beside it on the same disk."""

    bucket: str
    node: OneNode
    bare: BareLoop
    servers: Servers


class _Peers(NamedTuple):
    """Files a second."""

    bare: float
    decoding: float
    served: float


async def run(ctx: Context) -> Result:
    """A node of one process."""
    return await measured(ctx, "one process", 1, {}, WANTED)


async def measured(
    ctx: Context, node_of: str, processes: int, settings: Mapping[str, Value], wanted: float
) -> Result:
    """Rounds of uploads and of its peers in turn, on the same disk."""
    pictures = Pictures(random.Random(1))
    ctx.say("making directories")
    loops, served = ctx.directory / "bare", ctx.directory / "served"
    for place in (loops, served, ctx.directory / "data" / "blobs"):
        await asyncio.to_thread(make_directories, place / FULL)
    beside = bare_servers(ctx.directory / "servers", "uploads", served, [None] * processes)
    async with one_node(ctx.directory, settings) as node, beside as servers:
        stores = [_Store(bucket, node, BareLoop(loops / bucket), servers) for bucket in (BUCKET, FULL)]
        ctx.say("warming up")
        for store in stores:
            await _upload(store, pictures.one_per_directory())
            await _peers(store, pictures.one_per_directory)
        new, full = [await _rounds(ctx, store, pictures) for store in stores]
    return _result(node_of, wanted, *new, *full, pictures.size)


async def _rounds(ctx: Context, store: _Store, pictures: Pictures) -> tuple[list[_Round], list[_Peers]]:
    some = partial(pictures.take, UPLOADS)
    return await ctx.alternate(lambda _: _upload(store, some()), lambda _: _peers(store, some))


async def _upload(store: _Store, pictures: Sequence[Picture]) -> _Round:
    node = store.node
    requests = node.uploads([picture.body for picture in pictures], store.bucket)
    before, stalled = _cpu(node), await _stalls(node)
    run = await send_all(node.port, requests, CLIENTS)
    after, backlog = _cpu(node), await node.metric("atoll_outbox_depth")
    await _drained(node)
    each = 1000 / len(requests)
    return _Round(
        len(requests) / run.seconds,
        percentile(run.waits, 0.5) * 1000,
        percentile(run.waits, 0.99) * 1000,
        run.own_cpu * each,
        (after[0] - before[0]) * each,
        (after[1] - before[1]) * each,
        backlog,
        await _stalls(node) - stalled,
    )


async def _stalls(node: OneNode) -> float:
    """Of all processes of the node, since their start."""
    async with node.session.get(f"http://{LOOPBACK}:{node.port}/metrics") as response:
        text = await response.text()
    looks = sum(float(value) for _, value in _LOOKS.findall(text))
    return looks - sum(float(value) for within, value in _BUSY.findall(text) if float(within) == LONGEST)


def _cpu(node: OneNode) -> tuple[float, float]:
    """CPU seconds of the node's processes, and of those that decode: that live, and that were replaced."""
    nodes = [node.process, *(child for child in node.process.children() if _serves(child))]
    decoders = [child for each in nodes for child in each.children() if not _serves(child)]
    own = [each.cpu_times() for each in nodes]
    living = sum(times.user + times.system for times in (each.cpu_times() for each in decoders))
    gone = sum(times.children_user + times.children_system for times in own)
    return sum(times.user + times.system for times in own), living + gone


def _serves(child: psutil.Process) -> bool:
    return "storage_node.workers" in child.cmdline()


async def _drained(node: OneNode) -> None:
    """The peer shall not run beside the events of ours."""
    async with asyncio.timeout(_DRAIN_SECONDS):
        while await node.metric("atoll_outbox_depth"):  # noqa: ASYNC110 - another process's metric
            await asyncio.sleep(0.2)


async def _peers(store: _Store, some: Callable[[], list[Picture]]) -> _Peers:
    """The bare loop, the one that decodes, and the bare server; each as many files as the node took."""
    bare, decoding = store.bare, partial(store.bare.write_all, decode=True)
    return _Peers(
        await asyncio.to_thread(bare.write_all, some()),
        await asyncio.to_thread(decoding, some()),
        await _served(store, some()),
    )


async def _served(store: _Store, pictures: list[Picture]) -> float:
    requests = [request(picture, store.bucket) for picture in pictures]
    run = await send_all(store.servers.port, requests, CLIENTS)
    return len(pictures) / run.seconds


def _result(
    node_of: str,
    wanted: float,
    ours: list[_Round],
    peers: list[_Peers],
    full: list[_Round],
    full_peers: list[_Peers],
    size: int,
) -> Result:
    ratios = ratio("node to bare loop", [r.rate for r in ours], [p.bare for p in peers])
    series = (
        *_rates("", ours, peers),
        ratios,
        ratio("node to bare loop that also decodes", [r.rate for r in ours], [p.decoding for p in peers]),
        ratio("bare server to bare loop", [p.served for p in peers], [p.bare for p in peers]),
        ratio("node to bare server", [r.rate for r in ours], [p.served for p in peers]),
        Series("upload p50", "ms", tuple(r.p50_ms for r in ours)),
        Series("upload p99", "ms", tuple(r.p99_ms for r in ours)),
        Series("CPU of what serves", "ms an upload", tuple(r.node_cpu for r in ours)),
        Series("CPU of its inspection workers", "ms an upload", tuple(r.worker_cpu for r in ours)),
        Series("CPU of the client", "ms an upload", tuple(r.client_cpu for r in ours)),
        Series(f"loop held over {LONGEST * 1000:g} ms", "times", tuple(r.stalls for r in ours)),
        Series("events that waited at the end", "", tuple(r.backlog for r in ours)),
        *_rates("all directories there: ", full, full_peers),
        ratio("all directories there: ratio", [r.rate for r in full], [p.bare for p in full_peers]),
    )
    notes = (
        f"{UPLOADS} JPEGs of {size:,} bytes a round over {CLIENTS} connections; client, node"
        f" ({node_of}) and NATS (sync_interval: always) share the machine.",
        f"The bare loop: as many such files from {CLIENTS} threads of one process, each written,"
        " fdatasynced, renamed, its directory made if it is not there, and the directories fsynced."
        " No HTTP, hashing, decoding, index or event.",
        f"The bare server: aiohttp's low-level server, {node_of}, takes such files over as many connections,"
        " hashes and decodes them in its own process and writes them as the loop does. No ticket,"
        " placeholder, index or event.",
        "All begin with a new store, and go on to one that has the 65,536 directories of a bucket.",
    )
    steady = ratio("p99 to p50", [r.p99_ms for r in ours], [r.p50_ms for r in ours])
    marks = (
        Mark("ratio", ratios.median, wanted, values=ratios.values),
        Mark("p99 to p50", steady.median, STEADY, "×", at_most=True, values=steady.values),
        Mark(f"loop held over {LONGEST * 1000:g} ms", sum(r.stalls for r in ours), 0.0, at_most=True),
    )
    return Result(f"Durable uploads of 80 KB to a node of {node_of}", (*series, steady), marks, notes)


def _rates(where: str, ours: list[_Round], peers: list[_Peers]) -> tuple[Series, ...]:
    return (
        Series(f"{where}durable uploads", "/s", tuple(r.rate for r in ours)),
        Series(f"{where}bare loop", "/s", tuple(p.bare for p in peers)),
        Series(f"{where}bare loop that also decodes", "/s", tuple(p.decoding for p in peers)),
        Series(f"{where}bare server", "/s", tuple(p.served for p in peers)),
    )
