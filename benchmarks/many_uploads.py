"""python -m benchmarks.many_uploads: 100,000 uploads of small JPEGs through the public API, in one run.

Is the last tenth as fast as the first, is memory flat, is nothing lost, is the last page of the listing as
fast as the first? Part of `make bench-all`: it takes twenty minutes. By itself it can use another MongoDB
than the stand-in, writes JSON, Markdown and a plot, and exits with 1 when a mark is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.progress import Progress

from atoll.local.cluster import LocalCluster
from atoll.local.cluster_plan import Value
from atoll.local.engines import GivenUrls
from benchmarks import machine, report
from benchmarks.ask import Asker
from benchmarks.context import Context
from benchmarks.course_plot import course_plot
from benchmarks.held import Wanted, missing
from benchmarks.one_node import NO_EXTRAS
from benchmarks.result import Mark, Result, Series
from benchmarks.settled import Settled, settled
from benchmarks.uploader import Upload, Uploader
from benchmarks.uploads_course import Listing, MemoryCourse, SmallPictures, growth, listed, rates

RESULTS = Path(__file__).parent / "results" / "many_uploads"
UPLOADS, PARALLEL, PARTS, SAMPLES = 100_000, 16, 100, 200
_QUICK = 2_000
_ASKED = 5_000  # uploads that each node is asked about, beside what is read of all
WANTED_RATE, WANTED_GROWTH, WANTED_LAST_PAGE = 0.9, 1.25, 2.0
# Caches that are full early: what grows afterwards is no cache.
_NODE: dict[str, Value] = {**NO_EXTRAS, "ram_cache_bytes": "32MiB"}
_PAGES = 5


class Course(NamedTuple):
    """All of a run."""

    uploads: list[Upload]
    refused: int
    rates: list[float]
    memory: dict[str, list[float]]
    lost: int
    listing: Listing
    caught_up: Settled


async def measure(options: argparse.Namespace, directory: Path, console: Console) -> Course:
    """Start a cluster, upload, look."""
    given = GivenUrls(mongodb=options.mongodb) if options.mongodb else None
    extra: dict[str, Mapping[str, Value]] = {
        "storage_node": _NODE,
        "query_service": {"key_rate": 100_000, "key_burst": 100_000},
    }
    async with LocalCluster(directory / "cluster", known_ports=False, extra=extra, given=given) as cluster:
        asker, course = Asker(), MemoryCourse(cluster)
        with Progress(console=console) as progress:
            task = progress.add_task("uploads", total=options.uploads)
            began = time.time()
            uploads, refused = await _upload(
                Uploader(cluster, asker), options, course, lambda: progress.advance(task)
            )
        caught_up = await settled(cluster, asker, len(uploads), console.print)
        listing = await listed(cluster, asker, len(uploads), console.print)
        console.print("looking for every upload on every node")
        wanted = [Wanted(each.asset_id, each.sha256) for each in uploads]
        gone = await missing(cluster, wanted, asker, _ASKED)
        asker.close()
    ended = sorted(each.done_at for each in uploads)
    lost = len({each.sha256 for each in gone})
    if listing.whole:
        lost = max(lost, len(uploads) - listing.assets)
    return Course(uploads, refused, rates(ended, began, PARTS), course.samples, lost, listing, caught_up)


async def _upload(
    uploader: Uploader, options: argparse.Namespace, course: MemoryCourse, advance: Callable[[], None]
) -> tuple[list[Upload], int]:
    """`options.parallel` at a time; those that were answered with 201, and how many were not."""
    done: list[Upload] = []
    pictures, left = SmallPictures(random.Random(11)), options.uploads
    every, refused = max(1, options.uploads // SAMPLES), 0

    async def work() -> None:
        nonlocal left, refused
        while left > 0:
            left -= 1
            try:
                done.append(await uploader.upload(pictures.next()))
            except (RuntimeError, ConnectionError):
                refused += 1
            advance()
            if len(done) % every == 0:
                await asyncio.to_thread(course.look)

    async with asyncio.TaskGroup() as group:
        for _ in range(options.parallel):
            group.create_task(work())
    return done, refused


def result_of(course: Course, options: argparse.Namespace) -> Result:
    """The figures and their marks; the listing is held to its mark on a server that uses indexes only."""
    tenth = PARTS // 10
    first, last = (statistics.mean(part) for part in (course.rates[:tenth], course.rates[-tenth:]))
    grown = {name: growth(samples) for name, samples in course.memory.items()}
    worst = max(grown, key=lambda name: grown[name])
    pages = course.listing.seconds or [0.0]
    early, late = (statistics.median(part) for part in (pages[:_PAGES], pages[-_PAGES:]))
    marks = [
        Mark("last tenth to first", last / first, WANTED_RATE, "×"),
        Mark(f"growth of memory, most: {worst}", grown[worst], WANTED_GROWTH, "×", at_most=True),
        Mark("lost", course.lost, 0, at_most=True),
    ]
    if options.mongodb:
        marks.append(Mark("last page to first", late / early, WANTED_LAST_PAGE, "×", at_most=True))
    return Result(
        f"{options.uploads:,} uploads in one run",
        (
            Series("rate", "/s", tuple(course.rates)),
            Series("first tenth", "/s", (first,)),
            Series("last tenth", "/s", (last,)),
            Series("refused", "", (course.refused,)),
            Series("copies still to be made after the last upload", "", (course.caught_up.missing,)),
            Series("until every node had everything", "s", (course.caught_up.seconds,)),
            Series("first pages of 1,000", "ms", (early * 1000,)),
            Series("last pages of 1,000", "ms", (late * 1000,)),
            *(Series(f"memory at the end: {n}", "MB", (s[-1],)) for n, s in sorted(course.memory.items())),
            *(Series(f"memory, growth: {n}", "×", (grown[n],)) for n in sorted(grown)),
        ),
        tuple(marks),
        (
            f"{options.parallel} uploads at once, each with a ticket of its own, to three regions in turn on"
            " one machine with its engines and this client. Memory: proportional share of a daemon with its"
            " workers; growth: the last tenth of the run to what follows its first fifth.",
            "Lost: every node's index is searched for record and blob, its disk for a file with the right"
            f" SHA-256, {_ASKED:,} are asked for by its API, and the listing"
            f" is walked to its end ({course.listing.assets:,} assets;"
            f" {'whole' if course.listing.whole else 'broken off: the catalog was too slow'}).",
            "The listing was on the operator's MongoDB."
            if options.mongodb
            else "The listing was on the stand-in, which scans: no mark. Give --mongodb URL for one.",
        ),
    )


async def run(ctx: Context) -> Result:
    """Among the others: with the stand-in, and without a line for each thousand."""
    options = _parser().parse_args(["--uploads", str(_QUICK if ctx.quick else UPLOADS)])
    ctx.say(f"{options.uploads:,} uploads, until all copies are made and looked for")
    return result_of(await measure(options, ctx.directory, Console(quiet=True)), options)


def main() -> int:
    """The command line."""
    options = _parser().parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="atoll-uploads-", dir=options.scratch) as directory:
        course = uvloop.run(measure(options, Path(directory), console))
    result = result_of(course, options)
    here = machine.describe(Path(options.scratch).resolve())
    console.print(f"written: {report.save(options.results, {'many_uploads': report.entry(result, here)})}")
    courses = {"uploads a second": course.rates, **{f"MB: {n}": s for n, s in course.memory.items()}}
    (options.results / "course.svg").write_text(course_plot(courses, result.title))
    for mark in result.marks:
        console.print(f"{mark.name}: {mark.text}: {'pass' if mark.passed else 'MISSED'}")
    return 0 if all(mark.passed for mark in result.marks) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_uploads", description=__doc__)
    parser.add_argument("--uploads", type=int, default=UPLOADS, help="how many (1,000 at least)")
    parser.add_argument("--parallel", type=int, default=PARALLEL, help="at once")
    parser.add_argument("--mongodb", help="URL of a MongoDB to use in place of the stand-in")
    parser.add_argument("--scratch", default=tempfile.gettempdir(), help="a directory on the disk to measure")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where JSON, Markdown and plot go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
