"""From an upload's 201 to durable in every region: a whole local cluster under 100 uploads a second.

The uploads come on a fixed schedule (`open_loop`), with tickets, to the three regions in turn. When a blob
is durable in another region is what that node's own receipt says (`receipts`): same machine, same clock.
When all is over, every node is searched for every upload (`held`): a receipt alone proves nothing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import REGIONS
from benchmarks.ask import Asker
from benchmarks.cluster_cpu import ALL_ELSE, ClusterCpu
from benchmarks.context import Context
from benchmarks.held import Wanted, missing
from benchmarks.lean_client import percentile
from benchmarks.one_node import NO_EXTRAS
from benchmarks.open_loop import at_rate
from benchmarks.pictures import Pictures
from benchmarks.receipts import Receipt, Receipts, receipts_of
from benchmarks.result import Distribution, Mark, Result, Series
from benchmarks.uploader import Upload, Uploader

WANTED_P50_MS, WANTED_P99_MS = 50.0, 500.0
KEPT_UP = 0.99  # of the offered rate: less, and the lag is that of another load
_WARM_UP = 150
_RECEIPT_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_SHOWN = 3  # of what went wrong


class Load(NamedTuple):
    """What is asked of the cluster."""

    per_second: int
    seconds: int

    @property
    def uploads(self) -> int:
        return self.per_second * self.seconds


FULL, QUICK = Load(100, 30), Load(25, 8)


class Round(NamedTuple):
    """One stretch of load. Lags and waits in milliseconds, one for each upload that is everywhere."""

    rate: float
    since_201: list[float]
    since_request: list[float]
    heard: list[float]
    waits: list[float]
    late: list[float]
    refused: int
    lost: int
    cores: dict[str, float]


async def run(ctx: Context) -> Result:
    """Start a cluster, warm it up, and measure round after round."""
    asked = QUICK if ctx.quick else FULL
    ctx.say("starting a cluster")
    async with (
        LocalCluster(
            ctx.directory / "cluster", known_ports=False, extra={"storage_node": NO_EXTRAS}
        ) as cluster,
        receipts_of(cluster) as receipts,
    ):
        stage = Stage(cluster, receipts, ctx.say)
        ctx.say("warming up")
        await stage.load(Load(asked.per_second, _WARM_UP // asked.per_second + 1))
        rounds = [
            await stage.load(asked)
            for _ in ctx.each_round(f"{asked.per_second} uploads a second for {asked.seconds} s")
        ]
        stage.close()
    return _result(rounds, asked, stage.size)


class Stage:
    """A running cluster, somebody who uploads, somebody who listens."""

    def __init__(self, cluster: LocalCluster, receipts: Receipts, say: Callable[[str], None]) -> None:
        self._cluster, self._receipts, self._say = cluster, receipts, say
        self._asker, self._pictures = Asker(), Pictures(random.Random(5))
        self._uploader = Uploader(cluster, self._asker)
        self.size = self._pictures.size

    def close(self) -> None:
        self._asker.close()

    async def load(self, asked: Load) -> Round:
        """One round, looked after until all that can arrive has arrived."""
        pictures = self._pictures.take(asked.uploads)
        cpu = ClusterCpu(self._cluster)
        sent = await at_rate(pictures, asked.per_second, self._uploader.upload)
        cores = cpu.cores()
        uploads = sent.answers
        lags = await self._lags(uploads)
        gone = await missing(self._cluster, [Wanted(u.asset_id, u.sha256) for u in uploads], self._asker)
        self._receipts.forget()
        for trouble in (*(each.what for each in gone[:_SHOWN]), *map(repr, sent.failures[:_SHOWN])):
            self._say(trouble)
        return Round(
            rate=sent.rate,
            since_201=[each.since_201 for each in lags],
            since_request=[each.since_request for each in lags],
            heard=[each.heard for each in lags],
            waits=[(each.done_at - each.sent_at) * 1000 for each in uploads],
            late=[seconds * 1000 for seconds in sent.late],
            refused=len(sent.failures),
            lost=max(len({each.sha256 for each in gone}), len(uploads) - len(lags)),
            cores=cores,
        )

    async def _lags(self, uploads: Sequence[Upload]) -> list[Lag]:
        """The lags, once all are known or nothing new was heard for long: then some are lost."""
        lags = lags_of(uploads, self._receipts.read())
        news_at = time.monotonic()
        while len(lags) < len(uploads) and time.monotonic() - news_at < _RECEIPT_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            before, lags = len(lags), lags_of(uploads, self._receipts.read())
            if len(lags) > before:
                news_at = time.monotonic()
        return lags


class Lag(NamedTuple):
    """Of one upload, in milliseconds, to the last of the other regions."""

    since_201: float
    since_request: float
    heard: float


def lags_of(uploads: Sequence[Upload], receipts: Mapping[str, Mapping[str, Receipt]]) -> list[Lag]:
    """The lags of the uploads for which every other region gave its receipt; the others are lost."""
    lags: list[Lag] = []
    for upload in uploads:
        others = [r for node, r in receipts.get(upload.sha256, {}).items() if node != upload.node]
        if len(others) < len(REGIONS) - 1:
            continue
        durable, heard = max(r.fsynced_at for r in others), max(r.heard_at for r in others)
        lags.append(
            Lag(
                max(0.0, durable - upload.done_at) * 1000,
                (durable - upload.sent_at) * 1000,
                max(0.0, heard - upload.done_at) * 1000,
            )
        )
    return lags


def _all_ours(round_: Round) -> float:
    """Cores in use by the cluster and its client."""
    return sum(cores for kind, cores in round_.cores.items() if kind != ALL_ELSE)


def _result(rounds: Sequence[Round], asked: Load, size: int) -> Result:
    def at(name: str, share: float, of: Callable[[Round], list[float]]) -> Series:
        return Series(name, "ms", tuple(percentile(of(each), share) for each in rounds))

    def each(name: str, unit: str, of: Callable[[Round], float]) -> Series:
        return Series(name, unit, tuple(of(round_) for round_ in rounds))

    p50 = at("lag p50", 0.5, lambda r: r.since_201)
    p99 = at("lag p99", 0.99, lambda r: r.since_201)
    rate = each("uploads answered with 201", "/s", lambda r: r.rate)
    gone = each("lost", "", lambda r: r.lost)
    series = (
        rate,
        p50,
        p99,
        at("lag max", 1.0, lambda r: r.since_201),
        at("from the start of the PUT to durable everywhere p50", 0.5, lambda r: r.since_request),
        at("from the start of the PUT to durable everywhere p99", 0.99, lambda r: r.since_request),
        at("from 201 until the last receipt is heard p50", 0.5, lambda r: r.heard),
        at("from 201 until the last receipt is heard p99", 0.99, lambda r: r.heard),
        at("PUT p50", 0.5, lambda r: r.waits),
        at("PUT p99", 0.99, lambda r: r.waits),
        each("refused", "", lambda r: r.refused),
        gone,
        at("uploads sent after their time, p99", 0.99, lambda r: r.late),
        each("CPU of all together", "ms an upload", lambda r: _all_ours(r) / r.rate * 1000),
        *(Series(f"CPU: {kind}", "cores", tuple(r.cores[kind] for r in rounds)) for kind in rounds[0].cores),
    )
    marks = (
        Mark("lag p50", p50.median, WANTED_P50_MS, "ms", at_most=True, values=p50.values),
        Mark("lag p99", p99.median, WANTED_P99_MS, "ms", at_most=True, values=p99.values),
        Mark("lost", sum(gone.values), 0.0, at_most=True),
        Mark("rate kept", rate.median, KEPT_UP * asked.per_second, "/s", values=rate.values),
    )
    return Result(
        f"Upload to durable in all {len(REGIONS)} regions, {asked.per_second} uploads a second",
        series,
        marks,
        _notes(asked, size),
        distributions=_distributions(rounds),
    )


def _distributions(rounds: Sequence[Round]) -> tuple[Distribution, ...]:
    def of(name: str, pick: Callable[[Round], list[float]]) -> Distribution:
        return Distribution.of(name, "ms", [value for round_ in rounds for value in pick(round_)])

    return (
        of("from 201 to durable everywhere", lambda r: r.since_201),
        of("PUT to 201", lambda r: r.waits),
    )


def _notes(asked: Load, size: int) -> tuple[str, ...]:
    return (
        f"{asked.uploads:,} distinct JPEGs of {size:,} bytes a round, one every"
        f" {1000 / asked.per_second:g} ms whoever was answered or not, each with a ticket of its own;"
        f" {len(REGIONS)} nodes and replicators, two query services with their indexer, the monitor, NATS"
        " (sync_interval: always), the MongoDB stand-in, Valkey and this client share the machine. Rounds"
        " follow a warm-up; directories are made as they are needed.",
        "Lag: from when the client had its 201 until the last of the other regions had the file fsynced,"
        " renamed and its directory fsynced, by the time in that node's receipt. The receipt is committed"
        " next, published, and heard: that is in the table too, as the upper bound.",
        "Lost: acknowledged uploads of which any node, when all is quiet, lacks the receipt, the blob in its"
        " index, the asset's record, or a file with the right SHA-256. Every one is checked on every node.",
        "At this load two cores are nearly full: what else runs on the machine (it is in the table) is"
        " taken from the copies, which then wait.",
    )
