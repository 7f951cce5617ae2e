"""Readers of a node that is being filled: their waits, against the same reads when it is whole.

A whole local cluster holds some thousand pictures. One node loses its disk and starts from nothing; while its
replicator makes it whole again from its peers, readers ask it for pictures that it has already, at a fixed
rate (`open_loop`). Then the same reads again, of the node that has all and has nothing else to do.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import BUCKET, REGIONS, SET
from benchmarks.ask import Asker
from benchmarks.context import Context
from benchmarks.lean_client import percentile
from benchmarks.open_loop import at_rate
from benchmarks.pictures import Pictures
from benchmarks.result import Mark, Result, Series, ratio
from benchmarks.uploader import Upload, Uploader

NODE = f"{REGIONS[0].name}-1"
HOT = 20  # pictures that are read, over and over
UPLOADS_PER_SECOND = 20.0
_SLICE_SECONDS = 1.0  # of reads, before the node is looked at again
_FILL_SECONDS = 600.0
_LOOK_SECONDS = 0.2
WANTED_P99_MS = 50.0


class Load(NamedTuple):
    """What is held, and asked for."""

    pictures: int
    reads_per_second: float


FULL, QUICK = Load(2000, 200.0), Load(400, 100.0)


class Round(NamedTuple):
    """Waits in milliseconds while the node was filled, and when it was whole."""

    filling: list[float]
    whole: list[float]
    failed: int
    seconds: float  # to be filled
    busiest: float


async def run(ctx: Context) -> Result:
    """Fill the cluster, then empty one node round after round."""
    asked = QUICK if ctx.quick else FULL
    ctx.say("starting a cluster")
    async with LocalCluster(ctx.directory / "cluster", known_ports=False) as cluster:
        asker = Asker()
        stage = _Stage(cluster, asker, asked, ctx.say)
        size = await stage.upload()
        rounds = [await stage.round() for _ in ctx.each_round("a node that lost its disk")]
        asker.close()
    return _result(rounds, asked, stage.held, size)


class _Stage:
    """A running cluster, and somebody who reads."""

    def __init__(self, cluster: LocalCluster, asker: Asker, asked: Load, say: Callable[[str], None]) -> None:
        self._cluster, self._asker, self._asked, self._say = cluster, asker, asked, say
        self._port = cluster.ports[NODE]
        self._hot: list[bytes] = []
        self.held = 0

    async def upload(self) -> int:
        """All pictures, everywhere; the size of one."""
        self._say(f"{self._asked.pictures:,} uploads")
        pictures = Pictures(random.Random(7))
        uploader = Uploader(self._cluster, self._asker)
        sent = await at_rate(pictures.take(self._asked.pictures), UPLOADS_PER_SECOND, uploader.upload)
        self.held = len(sent.answers)  # a busy machine may refuse some
        self._hot = [_get(upload) for upload in sent.answers[:HOT]]
        await self._filled()
        return pictures.size

    async def round(self) -> Round:
        """The node loses its disk, is read while it is filled, and once more when it is whole."""
        await self._lose_disk()
        await self._read(1.0)  # what is read is there, pulled through
        self._say(f"filling, {self._asked.reads_per_second:g} reads a second")
        began = time.perf_counter()
        filling, failed, busiest = await self._read_until_whole()
        seconds = time.perf_counter() - began
        self._say("whole")
        whole, failed_too = await self._read(max(5.0, min(seconds, 30.0)))
        return Round(filling, whole, failed + failed_too, seconds, busiest)

    async def _lose_disk(self) -> None:
        await self._cluster.daemons[NODE].stop()
        await asyncio.to_thread(shutil.rmtree, self._cluster.paths.data(NODE))
        await self._cluster.daemons[NODE].start()

    async def _read_until_whole(self) -> tuple[list[float], int, float]:
        waits: list[float] = []
        failed, busiest, deadline = 0, 0.0, time.monotonic() + _FILL_SECONDS
        while await self._metric("atoll_blobs") < self.held:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node is not whole after {_FILL_SECONDS:.0f} s")
            more, bad = await self._read(_SLICE_SECONDS)
            waits += more
            failed += bad
            busiest = max(busiest, await self._metric("atoll_load"))
        return waits, failed, busiest

    async def _read(self, seconds: float) -> tuple[list[float], int]:
        reads = [self._hot[n % len(self._hot)] for n in range(int(seconds * self._asked.reads_per_second))]
        done = await at_rate(reads, self._asked.reads_per_second, self._one)
        return done.answers, len(done.failures)

    async def _one(self, request: bytes) -> float:
        """Milliseconds."""
        began = time.perf_counter()
        answer = await self._asker.ask(self._port, (request,))
        if answer.status != 200:
            raise RuntimeError(f"a read was answered with {answer.status}")
        return (time.perf_counter() - began) * 1000

    async def _filled(self) -> None:
        deadline = time.monotonic() + _FILL_SECONDS
        while await self._metric("atoll_blobs") < self.held:
            if time.monotonic() > deadline:
                raise RuntimeError("the copies are not everywhere")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _metric(self, name: str) -> float:
        answer = await self._asker.ask(self._port, (b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n",))
        lines = [
            line for line in answer.body.decode().splitlines() if line.startswith((f"{name} ", f"{name}{{"))
        ]
        return sum(float(line.split()[-1]) for line in lines)


def _get(upload: Upload) -> bytes:
    return f"GET /{BUCKET}/{SET}/{upload.sha256}.jpg HTTP/1.1\r\nHost: node\r\n\r\n".encode()


def _result(rounds: Sequence[Round], asked: Load, held: int, size: int) -> Result:
    def at(share: float, of: Callable[[Round], list[float]]) -> tuple[float, ...]:
        return tuple(percentile(of(each), share) for each in rounds)

    filling = {share: at(share, lambda r: r.filling) for share in (0.5, 0.99)}
    whole = {share: at(share, lambda r: r.whole) for share in (0.5, 0.99)}
    series = (
        Series("read p50 while the node is filled", "ms", filling[0.5]),
        Series("read p50 of the whole node", "ms", whole[0.5]),
        ratio("p50, filled to whole", filling[0.5], whole[0.5]),
        Series("read p99 while the node is filled", "ms", filling[0.99]),
        Series("read p99 of the whole node", "ms", whole[0.99]),
        ratio("p99, filled to whole", filling[0.99], whole[0.99]),
        Series("until it is whole", "s", tuple(each.seconds for each in rounds)),
        Series("copies", "/s", tuple(held / each.seconds for each in rounds)),
        Series("highest load it told", "", tuple(each.busiest for each in rounds)),
    )
    p99 = series[3]
    marks = (
        Mark("reads that failed", float(sum(each.failed for each in rounds)), 0.0, at_most=True),
        Mark("read p99 while it is filled", p99.median, WANTED_P99_MS, "ms", at_most=True, values=p99.values),
    )
    return Result("Reads of a node that is being filled", series, marks, _notes(asked, held, size))


def _notes(asked: Load, held: int, size: int) -> tuple[str, ...]:
    return (
        f"{held:,} pictures of {size:,} bytes; {asked.reads_per_second:g} reads a second of {HOT} of them,"
        " each at its time. Three nodes and replicators, two query services, the monitor and the engines"
        " share the machine with the reader, and the peers that the copies come from are among them.",
        "The replicator follows the load in the nodes' heartbeats: it halves its orders while a node says 0.8"
        " or more and rests between them while that lasts.",
    )
