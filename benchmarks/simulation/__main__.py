"""python -m benchmarks.simulation [--seed N] [--images N] [--days N] [--out DIR]: run it, write what comes.

The default run is the one in docs/scale.md and takes some minutes; another one is written to `--out`.
`--document` runs nothing and writes the page again from what was found.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.simulation.outcome import Outcome, Plan
from benchmarks.simulation.page import write
from benchmarks.simulation.story import simulate

RESULTS = Path(__file__).parent.parent / "results"
DOCS = Path(__file__).parent.parent.parent / "docs"
FILE = "simulation.json"


def load(directory: Path = RESULTS) -> Outcome:
    """What the latest run found."""
    return msgspec.json.decode((directory / FILE).read_bytes(), type=Outcome)


def main() -> int:
    """The command line."""
    options = _parser().parse_args()
    docs = options.out or DOCS
    if not options.document:
        plan = Plan(seed=options.seed, images=options.images, days=options.days)
        outcome = simulate(plan, say=print)
        directory = options.out or RESULTS
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=2) + b"\n")
    entries = report.load(RESULTS)
    print(f"written: {write(load(options.out or RESULTS), entries, docs)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    parser.add_argument("--images", type=int, default=Plan().images)
    parser.add_argument("--days", type=float, default=Plan().days, help="in which they are uploaded")
    parser.add_argument("--out", type=Path, help="where results and page go (default: the project's own)")
    parser.add_argument("--document", action="store_true", help="write the page again from what was found")
    return parser


if __name__ == "__main__":
    sys.exit(main())
