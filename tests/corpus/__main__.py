"""`python -m corpus DIR` writes the corpus; with `--measure` it makes docs/hostile-input.md again."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from corpus import page
from corpus.judge import bench
from corpus.manifest import write
from corpus.page import Measured
from corpus.registry import SEED, all_specimens
from corpus.specimen import Specimen

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "hostile-input.md"


def main() -> int:
    """Exit code 1 when a verdict is not the expected one."""
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, help="where to write all files and manifest.json")
    parser.add_argument("--measure", action="store_true", help="judge all files and write the page")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which bits are turned (default {SEED})")
    args = parser.parse_args()
    specimens = all_specimens(args.seed)
    if args.directory:
        print(f"{write(specimens, args.directory)} files in {args.directory}")
    return _measure(specimens) if args.measure else 0


def _measure(specimens: tuple[Specimen, ...]) -> int:
    measured = list(_measured(specimens))
    _PAGE.write_text(page.made(measured), encoding="utf-8")
    wrong = [one for one in measured if one.found.verdict not in one.specimen.expected]
    for one in wrong:
        print(f"{one.specimen.name}: {one.found.verdict}, expected {' or '.join(one.specimen.expected)}")
    print(f"{len(measured)} files, {len(wrong)} with a wrong verdict: {_PAGE}")
    return 1 if wrong else 0


def _measured(specimens: tuple[Specimen, ...]) -> Iterator[Measured]:
    """Every family by fresh workers, so that none inherits the memory of the one before."""
    for family, members in groupby(specimens, lambda one: one.family):
        print(family, flush=True)
        with tempfile.TemporaryDirectory() as folder, bench(Path(folder) / "bench") as judges:
            for specimen in members:
                data = specimen.make()
                yield Measured(specimen, len(data), judges.judged(specimen.name, data))


if __name__ == "__main__":
    sys.exit(main())
