"""python -m benchmarks [NAMES…]: run them, show them in one table, write results and docs/performance.md.

Without names those that take minutes together; `--all`: those that take longer too. Exit code 1 when a mark
is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import uvloop
from msgspec.structs import replace
from rich.console import Console

from benchmarks import document, machine, report
from benchmarks.context import Context, GivenMongo
from benchmarks.registry import BENCHMARKS
from benchmarks.result import Result
from benchmarks.watch import Watch

RESULTS = Path(__file__).parent / "results"
LOCAL_RESULTS = RESULTS / "local"
DOCS = Path(__file__).parent.parent / "docs"


def main() -> int:
    """The command line."""
    options = _parser().parse_args()
    console = Console()
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            long = " (long)" if benchmark.long else ""
            console.print(f"{name:16} {benchmark.about}{long}", highlight=False)
        return 0
    unknown = set(options.names) - BENCHMARKS.keys()
    if unknown:
        console.print(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
        return 2
    if options.document:
        console.print(f"written: {document.write(report.load(options.results or RESULTS), DOCS)}")
        return 0
    directory = options.results or (LOCAL_RESULTS if options.quick else RESULTS)
    results = {name: _run(console, name, options) for name in _chosen(options)}
    here = machine.describe(Path(options.scratch).resolve())
    page = report.save(directory, {name: report.entry(r, here) for name, r in results.items()})
    console.print(f"written: {page}")
    if directory == RESULTS:
        console.print(f"written: {document.write(report.load(RESULTS), DOCS)}")
    report.show_together(console, results)
    return 0 if all(mark.passed for result in results.values() for mark in result.marks) else 1


def _chosen(options: argparse.Namespace) -> list[str]:
    if options.names:
        return list(options.names)
    return [name for name, benchmark in BENCHMARKS.items() if options.all or not benchmark.long]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="which ones (default: all but the long ones)")
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each (default: 3)")
    parser.add_argument(
        "--results", type=Path, help="where latest.json and latest.md go (default: benchmarks/results)"
    )
    parser.add_argument(
        "--scratch", default=tempfile.gettempdir(), help="a directory on the disk to measure (default: /tmp)"
    )
    parser.add_argument(
        "--photographs", type=Path, help="a directory of photographs to use (default: those of the demo)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a smaller load where a small machine cannot take the whole one; results go to results/local",
    )
    parser.add_argument(
        "--document", action="store_true", help="measure nothing: make docs/performance.md from the results"
    )
    _add_mongodb(parser)
    parser.add_argument("--list", action="store_true", help="say which benchmarks there are")
    return parser


def _add_mongodb(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("catalog", "a MongoDB to grow a catalog in")
    group.add_argument("--mongodb", metavar="URL", help="it gets a database of its own, dropped at the end")
    group.add_argument("--mongodb-name", default=GivenMongo.name, help="what it is, for the page")
    group.add_argument(
        "--mongodb-pids",
        type=lambda text: tuple(map(int, text.split(","))),
        default=(),
        help="its processes here (P,P,…), to count their CPU time; else the time that is waited counts",
    )
    group.add_argument("--assets", type=int, default=GivenMongo.assets, help="the most (default: 1,000,000)")


def _given(options: argparse.Namespace) -> GivenMongo | None:
    if not options.mongodb:
        return None
    return GivenMongo(options.mongodb, options.mongodb_name, options.mongodb_pids, options.assets)


def _run(console: Console, name: str, options: argparse.Namespace) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix=f"atoll-{name}-", dir=options.scratch) as directory,
        console.status(name) as status,
    ):

        def say(text: str) -> None:
            status.update(f"{name}: {text}")
            if not console.is_terminal:
                console.print(f"{name}: {text}", highlight=False)

        ctx = Context(
            Path(directory).resolve(),
            options.rounds,
            say,
            options.quick,
            options.photographs,
            _given(options),
        )
        with Watch() as watch:
            result = uvloop.run(_awaited(name, ctx))
    result = replace(result, processes=watch.found())
    report.show(console, result)
    return result


async def _awaited(name: str, ctx: Context) -> Result:
    return await BENCHMARKS[name].run(ctx)


if __name__ == "__main__":
    sys.exit(main())
