"""How fast one replicator with its node takes copies of 80 KB, against how fast one node takes uploads.

Two nodes (`two_nodes`). In turn: uploads to the first from 16 clients while nobody copies; then the second's
replicator starts, with all of them to be fetched from a peer that holds them. Then both at once, for the lag:
uploads at their own times, at half of the rate just measured – or, where one machine is both nodes and has
not the processor for it, at what it carries.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.context import Context
from benchmarks.held import Wanted
from benchmarks.lean_client import percentile
from benchmarks.pictures import Pictures
from benchmarks.result import Mark, Result, Series, ratio
from benchmarks.two_nodes import GIVER, REPLICATOR, TAKER, TwoNodes, two_nodes

CLIENTS = 16
WANTED, WANTED_P99_MS = 0.5, 1000.0
KEPT_UP = 0.99  # of the offered rate: less, and the lag is that of another load
HALF, CARRIED = 0.5, 0.8  # of the uploads' rate; of what the processor has room for


class Load(NamedTuple):
    """Uploads a round, and for how long the lag is looked at."""

    uploads: int
    seconds: int


FULL, QUICK = Load(1500, 20), Load(200, 5)


class Copies(NamedTuple):
    """A backlog that was taken. CPU in milliseconds a copy, of the processes that take part."""

    rate: float
    lost: int
    cpu: dict[str, float]


class Lag(NamedTuple):
    """A stretch of load. `lags`: from 201 to durable on the other node, in milliseconds."""

    asked: float
    rate: float
    lags: list[float]
    refused: int
    lost: int


async def run(ctx: Context) -> Result:
    """Uploads and copies in turn, then both at once."""
    load, pictures = QUICK if ctx.quick else FULL, Pictures(random.Random(3))
    ctx.say("starting two nodes")
    async with two_nodes(ctx.directory / "cluster") as nodes:
        stage = _Stage(nodes, pictures, load)
        ctx.say("warming up")
        await stage.upload(0)
        await stage.copy(0)
        uploads, copies = await ctx.alternate(stage.upload, stage.copy)
        copied = [each.rate for each in copies]
        asked = carried(statistics.median(uploads), statistics.median(copied))
        await nodes.replicate()
        await stage.both(asked, 3)
        lags = [await stage.both(asked, load.seconds) for _ in ctx.each_round(f"{asked:.0f} uploads/s")]
    return _result(uploads, copies, lags, load, pictures.size)


def carried(uploads: float, copies: float) -> float:
    """Uploads a second, each with its copy, for the lag: half of `uploads`, or what one machine can bear.

    Both were measured with the whole machine, so that both at once are done at 1 / (1/uploads + 1/copies);
    four fifths of that leave room for the load to be uneven.
    """
    return min(HALF * uploads, CARRIED / (1 / uploads + 1 / copies))


def copy_rate(durable: Sequence[float]) -> float:
    """Copies a second from the first to the last of these moments (s): starting a process is not in it."""
    return (len(durable) - 1) / max(0.001, max(durable) - min(durable))


class _Stage:
    def __init__(self, nodes: TwoNodes, pictures: Pictures, load: Load) -> None:
        self._nodes, self._pictures, self._load = nodes, pictures, load
        self._waiting: list[str] = []

    async def upload(self, _round: int) -> float:
        """Uploads a second to one node; they wait for `copy`."""
        pictures = self._pictures.take(self._load.uploads)
        run = await self._nodes.upload(pictures, CLIENTS)
        self._waiting = [picture.sha256 for picture in pictures]
        return len(pictures) / run.seconds

    async def copy(self, _round: int) -> Copies:
        """All that wait."""
        before = {name: self._nodes.cpu(name) for name in (GIVER, TAKER)}
        await self._nodes.replicate()
        durable = await self._nodes.durable(self._waiting)
        spent = {name: self._nodes.cpu(name) - before.get(name, 0.0) for name in (GIVER, TAKER, REPLICATOR)}
        await self._nodes.rest()
        lost = len(self._waiting) - len(durable)
        per_copy = {name: seconds / len(self._waiting) * 1000 for name, seconds in spent.items()}
        return Copies(copy_rate(list(durable.values())), lost, per_copy)

    async def both(self, per_second: float, seconds: int) -> Lag:
        """Uploads at their times, with the replicator at work; until all are copied, and looked for."""
        pictures = self._pictures.take(int(per_second * seconds))
        sent = await self._nodes.upload_at(pictures, per_second)
        uploads = sent.answers
        durable = await self._nodes.durable([upload.sha256 for upload in uploads])
        wanted = [Wanted(upload.asset_id, upload.sha256) for upload in uploads]
        absent = await asyncio.to_thread(self._nodes.absent, wanted)
        there = [upload for upload in uploads if upload.sha256 in durable]
        lags = [max(0.0, durable[upload.sha256] - upload.done_at) * 1000 for upload in there]
        lost = max(len({each.sha256 for each in absent}), len(uploads) - len(there))
        return Lag(per_second, sent.rate, lags, len(sent.failures), lost)


def _result(uploads: list[float], copies: list[Copies], lags: list[Lag], load: Load, size: int) -> Result:
    rates = [each.rate for each in copies]
    compared = ratio("copies to uploads", rates, uploads)
    p50, p99 = (
        Series(f"lag p{share}", "ms", tuple(percentile(each.lags, share / 100) for each in lags))
        for share in (50, 99)
    )
    kept = Series("uploads beside their copies", "/s", tuple(each.rate for each in lags))
    lost = float(sum(each.lost for each in copies) + sum(each.lost for each in lags))
    asked = lags[0].asked
    series = (
        Series("durable uploads to one node", "/s", tuple(uploads)),
        Series("copies that one replicator has its node take", "/s", tuple(rates)),
        compared,
        *(
            Series(f"CPU of {what}", "ms a copy", tuple(each.cpu[name] for each in copies))
            for what, name in (
                ("the taking node", TAKER),
                ("the giving node", GIVER),
                ("the replicator, its start too", REPLICATOR),
            )
        ),
        Series("uploads offered, for the lag", "/s", (asked,)),
        kept,
        p50,
        p99,
        Series("lag max", "ms", tuple(max(each.lags, default=0.0) for each in lags)),
        Series("refused", "", tuple(float(each.refused) for each in lags)),
    )
    marks = (
        Mark(compared.name, compared.median, WANTED, "×", values=compared.values),
        Mark("lag p99 at that load", p99.median, WANTED_P99_MS, "ms", at_most=True, values=p99.values),
        Mark("rate kept", kept.median, KEPT_UP * asked, "/s", values=kept.values),
        Mark("lost", lost, 0.0, at_most=True),
    )
    notes = _notes(load, size, asked, statistics.median(uploads))
    return Result("Replication of blobs of 80 KB by one replicator", series, marks, notes)


def _notes(load: Load, size: int, asked: float, uploads: float) -> tuple[str, ...]:
    why = (
        "half of the uploads' rate"
        if asked >= HALF * uploads
        else f"{asked / uploads:.2f} of the uploads' rate: what one machine carries that is both nodes (half"
        " of it would need more processor than there is)"
    )
    return (
        f"{load.uploads:,} JPEGs of {size:,} bytes a round over {CLIENTS} connections, to a node of one"
        " process while nobody copies; then as many copies by the other node, from the first receipt to the"
        " last. Both nodes, the replicator, NATS (sync_interval: always) and the client share the machine.",
        f"Lag: from 201 to fsynced and in place on the other node, by its receipt; {load.seconds} s of"
        f" uploads at their own times, {asked:.0f} a second. That is {why}.",
        "Lost: uploads without a receipt, or that the other node's index or disk lacks, bytes compared.",
    )
