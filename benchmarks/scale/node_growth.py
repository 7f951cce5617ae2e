"""A node's index of 10^3 to 10^6 blobs: an upload's commit, digests, look-ups, what the scrubber reads next.

The index is synthetic (`synthetic_index`): the node's own rows, no files. Commits are made one by one, each
with its line in the journal and its fsync, as an upload that comes alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from atoll.ids import new_id, now_ms
from atoll.model import Blob, Picture
from atoll.signing import Ticket
from benchmarks.context import Context
from benchmarks.scale.cpu import Cpu
from benchmarks.scale.filled import NODE, QUICK_SIZES, SIZES, filled
from benchmarks.scale.growth import Growth, growth
from benchmarks.synthetic_index import BUCKET, SET, record
from storage_node.digests import Digests
from storage_node.index import Index
from storage_node.index_journal import IndexJournal
from storage_node.index_ops import store_upload
from storage_node.journal import Journal
from storage_node.origin import Origin
from storage_node.scrub_rows import Place, longest_unread

UPLOADS, DIGESTS, LOOKUPS, BATCHES = 400, 60, 4000, 400

COMMIT = "an upload's commit in the node's index"
DIGEST = "the roots of both trees after one upload"
LOOKUP = "finding a blob in the node's index"
BEAT = "the counts of a node's heartbeat"
SCRUB = "the next 16 blobs to scrub"


async def run(ctx: Context) -> list[Growth]:
    """Fill an index of each size once, and measure on it round after round."""
    sizes = QUICK_SIZES if ctx.quick else SIZES
    found: dict[str, dict[int, list[float]]] = {
        name: {size: [] for size in sizes} for name in (COMMIT, DIGEST, LOOKUP, BEAT, SCRUB)
    }
    for size in sizes:
        ctx.say(f"an index of {size:,} blobs")
        path = ctx.directory / str(size)
        path.mkdir()
        await asyncio.to_thread(filled, ctx.directory, size, path / "index.db")
        for round_, each in enumerate(await asyncio.to_thread(_rounds, path, size, ctx.rounds)):
            ctx.say(f"{size:,} blobs, round {round_ + 1}")
            for name, seconds in each.items():
                found[name][size].append(seconds)
    return [growth(name, "blobs", each) for name, each in found.items()]


def _rounds(path: Path, size: int, rounds: int) -> list[dict[str, float]]:
    origin = Origin(NODE, "here", SET)
    index = Index(path / "index.db", NODE, journal=IndexJournal(Journal(path / "journal", NODE), origin))
    try:
        digests = Digests(index, NODE)
        digests.roots()  # all of them, after a start: not what an upload costs
        return [_measure(index, digests, origin, size, round_) for round_ in range(rounds)]
    finally:
        index.close()


def _measure(index: Index, digests: Digests, origin: Origin, size: int, round_: int) -> dict[str, float]:
    cpu = Cpu()
    first = size + round_ * (UPLOADS + DIGESTS)
    return {
        COMMIT: cpu.each(partial(_upload, index, origin), range(first, first + UPLOADS)),
        DIGEST: _digest(index, digests, origin, range(first + UPLOADS, first + UPLOADS + DIGESTS)),
        LOOKUP: cpu.each(lambda n: index.blob(BUCKET, record(n).blob.sha256), _spread(size, LOOKUPS)),
        BEAT: cpu.each(lambda _: index.counts(), range(LOOKUPS)),
        SCRUB: cpu.each(
            lambda _: index.read(longest_unread(Place(), now_ms(), now_ms(), 16)), range(BATCHES)
        ),
    }


def _spread(size: int, number: int) -> Sequence[int]:
    return [n * size // number for n in range(number)]


def _upload(index: Index, origin: Origin, number: int) -> None:
    sha256 = hashlib.sha256(b"new %d" % number).hexdigest()
    now = now_ms()
    ticket = Ticket(new_id(now), NODE, SET, BUCKET, new_id(now), now + 60_000, 10**6)
    blob = Blob(BUCKET, sha256, "jpg", 80_000, Picture(1280, 960))
    index.write(store_upload(ticket, 0, ticket.asset_id, blob, b"", None, origin)).result()


def _digest(index: Index, digests: Digests, origin: Origin, numbers: Sequence[int]) -> float:
    """Of the asking alone: each time after one more upload."""
    digests.roots()
    cpu, took = Cpu(), 0.0
    for number in numbers:
        _upload(index, origin, number)
        began = cpu.now()
        digests.roots()
        took += cpu.now() - began
    return took / len(numbers)
