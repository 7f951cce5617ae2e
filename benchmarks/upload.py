"""Durable uploads of 80 KB to one node, against a bare loop that only writes and fsyncs the same files.

Where fsync costs next to nothing (a virtual disk with a cache), the bare loop is bound by the processor and
so is the node, which decodes each picture on top. A second loop that decodes too says how much of the
difference that is.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.context import Context
from benchmarks.lean_client import percentile, send_all
from benchmarks.one_node import BUCKET, OneNode, one_node
from benchmarks.pictures import Picture, Pictures, make_directories
from benchmarks.result import Mark, Result, Series, ratio

CLIENTS = 16
UPLOADS = 1500  # a round
BARE_FILES = 3000  # a round: as long, about
DECODED_FILES = 1500
WANTED = 0.3
_DRAIN_SECONDS = 60.0


class _Round(NamedTuple):
    rate: float
    p50_ms: float
    p99_ms: float
    client_cpu: float  # milliseconds an upload
    node_cpu: float
    worker_cpu: float
    backlog: float


async def run(ctx: Context) -> Result:
    """Rounds of uploads and of the bare loop in turn, on the same disk, in warm directories."""
    pictures = Pictures(random.Random(1))
    ctx.say("making directories")
    bare = BareLoop(ctx.directory / "bare")
    await asyncio.to_thread(make_directories, ctx.directory / "bare")
    await asyncio.to_thread(make_directories, ctx.directory / "data" / "blobs" / BUCKET)
    async with one_node(ctx.directory) as node:
        ctx.say("warming up")
        warm = pictures.one_per_directory()
        await send_all(node.port, node.uploads([p.body for p in warm]), CLIENTS)
        await asyncio.to_thread(bare.write, warm)
        ours, peers = await ctx.alternate(
            lambda _: _upload(node, pictures.take(UPLOADS)),
            lambda _: asyncio.to_thread(_peers, bare, pictures),
        )
    return _result(ours, peers, pictures.size)


async def _upload(node: OneNode, pictures: Sequence[Picture]) -> _Round:
    requests = node.uploads([picture.body for picture in pictures])
    before = _cpu(node)
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
    )


def _cpu(node: OneNode) -> tuple[float, float]:
    """CPU seconds of the node's process, and of its workers: those that live, and those it replaced."""
    own = node.process.cpu_times()
    living = [child.cpu_times() for child in node.process.children()]
    workers = sum(times.user + times.system for times in living)
    return own.user + own.system, workers + own.children_user + own.children_system


async def _drained(node: OneNode) -> None:
    """The peer shall not run beside the events of ours."""
    async with asyncio.timeout(_DRAIN_SECONDS):
        while await node.metric("atoll_outbox_depth"):  # noqa: ASYNC110 - another process's metric
            await asyncio.sleep(0.2)


def _peers(bare: BareLoop, pictures: Pictures) -> tuple[float, float]:
    """The bare loop, and the one that decodes: files a second."""
    return bare.write(pictures.take(BARE_FILES)), bare.write(pictures.take(DECODED_FILES), decode=True)


class BareLoop:
    """What invariant 1 costs at the least: write, fdatasync, rename, fsync the directory; nothing else."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def write(self, pictures: Sequence[Picture], *, decode: bool = False) -> float:
        """Files a second, from 16 threads; `decode`: each is also read as the node's inspection reads it."""
        one = self._decode_and_write if decode else self._write_one
        with ThreadPoolExecutor(CLIENTS) as threads:
            began = time.perf_counter()
            for _ in threads.map(one, pictures):
                pass
            return len(pictures) / (time.perf_counter() - began)

    def _decode_and_write(self, picture: Picture) -> None:
        with Image.open(io.BytesIO(picture.body), formats=["JPEG"]) as image:
            image.draft("L", (1, 1))
            image.load()  # without the GIL
        self._write_one(picture)

    def _write_one(self, picture: Picture) -> None:
        draft = f"{self._root}/{picture.sha256}.part"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        os.write(descriptor, picture.body)
        os.fdatasync(descriptor)
        os.close(descriptor)
        directory = f"{self._root}/{picture.directory}"
        os.rename(draft, f"{directory}/{picture.sha256}.jpg")
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)


def _result(ours: list[_Round], peers: list[tuple[float, float]], size: int) -> Result:
    rates, bare, decoding = [r.rate for r in ours], [p[0] for p in peers], [p[1] for p in peers]
    ratios = ratio("node to bare loop", rates, bare)
    series = (
        Series("durable uploads", "/s", tuple(rates)),
        Series("bare loop", "/s", tuple(bare)),
        Series("bare loop that also decodes", "/s", tuple(decoding)),
        ratios,
        ratio("node to bare loop that also decodes", rates, decoding),
        Series("upload p50", "ms", tuple(r.p50_ms for r in ours)),
        Series("upload p99", "ms", tuple(r.p99_ms for r in ours)),
        Series("CPU of the node's process", "ms an upload", tuple(r.node_cpu for r in ours)),
        Series("CPU of its inspection workers", "ms an upload", tuple(r.worker_cpu for r in ours)),
        Series("CPU of the client", "ms an upload", tuple(r.client_cpu for r in ours)),
        Series("events that waited at the end", "", tuple(r.backlog for r in ours)),
    )
    notes = (
        f"{UPLOADS} JPEGs of {size:,} bytes a round over {CLIENTS} connections; client, node and NATS"
        " (sync_interval: always) share the machine.",
        f"The bare loop: {BARE_FILES} such files from {CLIENTS} threads of one process, each written,"
        " fdatasynced, renamed and its directory fsynced. No HTTP, hashing, decoding, index or event."
        f" The one that also decodes: {DECODED_FILES} files.",
        "Both write into the 65,536 directories of a bucket, made before: a store that is not new.",
    )
    return Result(
        "Durable uploads of 80 KB to one node", series, (Mark("ratio", ratios.median, WANTED),), notes
    )
