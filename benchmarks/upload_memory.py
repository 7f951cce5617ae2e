"""64 uploads of 20 MB at once: how much the node's own memory grows."""

from __future__ import annotations

import asyncio
import io
import random
from typing import NamedTuple

import psutil
from PIL import Image

from benchmarks.context import Context
from benchmarks.lean_client import send_all
from benchmarks.one_node import OneNode, one_node
from benchmarks.result import Mark, Result, Series

UPLOADS = 64
WANTED_MB = 100.0
_SAMPLE_SECONDS = 0.02
_SIDE = (2600, 2600)  # 20.3 MB of incompressible RGB
_INSPECT_SECONDS = 60.0  # 64 large pictures wait for two workers


class _Round(NamedTuple):
    growth: float  # MB
    workers: float
    seconds: float
    peak: float


async def run(ctx: Context) -> Result:
    """A node, warm from one such upload; then 64 of them together, sampled all along."""
    ctx.say("making a picture of 20 MB")
    data = await asyncio.to_thread(_picture)
    settings = {"inspect_seconds": _INSPECT_SECONDS}
    async with one_node(ctx.directory, settings) as node:
        await send_all(node.port, node.uploads([_variant(data, 0)]), 1)
        rounds = [await _upload(node, data, n) for n in ctx.each_round("64 uploads of 20 MB")]
    growth = Series("growth of the node's process", "MB", tuple(r.growth for r in rounds))
    series = (
        growth,
        Series("its resident memory at the peak", "MB", tuple(r.peak for r in rounds)),
        Series("growth of its workers together", "MB", tuple(r.workers for r in rounds)),
        Series("64 uploads took", "s", tuple(r.seconds for r in rounds)),
    )
    mark = Mark("worst growth", max(growth.values), WANTED_MB, "MB", at_most=True, values=growth.values)
    notes = (
        f"{UPLOADS} connections at once, each with a PNG of {len(data) / 1e6:.1f} MB that does not compress.",
        f"Resident memory (RSS), sampled every {_SAMPLE_SECONDS * 1000:g} ms; growth is over the idle node"
        " before each round. Pictures are decoded in worker processes, which are limited by themselves.",
    )
    return Result("Memory under 64 uploads of 20 MB at once", series, (mark,), notes)


def _picture() -> bytes:
    noise = random.Random(2).randbytes(_SIDE[0] * _SIDE[1] * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", _SIDE, noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


def _variant(data: bytes, number: int) -> bytes:
    """Other bytes, the same picture: what follows a PNG's last chunk is not part of it."""
    return data + number.to_bytes(8, "big")


async def _upload(node: OneNode, data: bytes, round_: int) -> _Round:
    first = 1 + round_ * UPLOADS
    requests = node.uploads([_variant(data, first + n) for n in range(UPLOADS)])
    before, workers_before = _memory(node.process)
    sampling = asyncio.create_task(_peak(node.process), name="sampler")
    run = await send_all(node.port, requests, UPLOADS)
    sampling.cancel()
    peak, workers = await sampling
    return _Round(peak - before, workers - workers_before, run.seconds, peak)


async def _peak(process: psutil.Process) -> tuple[float, float]:
    """The highest of each, until cancelled."""
    peak, workers = _memory(process)
    try:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            now, workers_now = _memory(process)
            peak, workers = max(peak, now), max(workers, workers_now)
    except asyncio.CancelledError:
        return peak, workers


def _memory(process: psutil.Process) -> tuple[float, float]:
    """Resident MB of the node's process, and of its workers together."""
    workers = 0
    for child in process.children():
        try:
            workers += child.memory_info().rss
        except psutil.NoSuchProcess:  # replaced just now
            continue
    return process.memory_info().rss / 1e6, workers / 1e6
