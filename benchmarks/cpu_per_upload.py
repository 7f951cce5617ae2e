"""python -m benchmarks.cpu_per_upload: processor time for each upload, by kind of process.

For whoever looks for waste. Unlike the lag it can be told on a machine that others use too: a process's own
seconds count only while it runs, though they grow somewhat when caches are shared. Compare runs at the same
rate only: the more is done at once, the less each upload costs, because commits and messages are shared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console

from atoll.local.cluster import LocalCluster
from benchmarks.cluster_cpu import ALL_ELSE
from benchmarks.lag import Load, Stage
from benchmarks.one_node import NO_EXTRAS
from benchmarks.receipts import receipts_of

_WARM_UP_SECONDS = 3


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cpu_per_upload", description=__doc__)
    parser.add_argument("--rate", type=int, default=50, help="uploads a second (default: 50)")
    parser.add_argument("--seconds", type=int, default=20, help="of each round (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atoll-cpu-") as directory:
        load = Load(options.rate, options.seconds)
        uvloop.run(_profile(Path(directory).resolve(), load, options.rounds, Console()))
    return 0


async def _profile(directory: Path, load: Load, rounds: int, console: Console) -> None:
    async with (
        LocalCluster(directory, known_ports=False, extra={"storage_node": NO_EXTRAS}) as cluster,
        receipts_of(cluster) as receipts,
    ):
        stage = Stage(cluster, receipts, lambda trouble: console.print(trouble, highlight=False))
        await stage.load(load._replace(seconds=_WARM_UP_SECONDS))
        rows: list[dict[str, float]] = []
        for _ in range(rounds):
            round_ = await stage.load(load)
            rows.append({kind: cores / round_.rate * 1000 for kind, cores in round_.cores.items()})
        stage.close()
    _show(rows, console)


def _show(rows: list[dict[str, float]], console: Console) -> None:
    ours = [kind for kind in rows[0] if kind != ALL_ELSE]
    totals = [sum(row[kind] for kind in ours) for row in rows]
    for name, values in ((kind, [row[kind] for row in rows]) for kind in rows[0]):
        console.print(_line(name, values), highlight=False)
    console.print(_line("all of ours", totals), highlight=False)


def _line(name: str, values: list[float]) -> str:
    spread = f"{min(values):.2f} to {max(values):.2f}"
    return f"{name:32} {median(values):6.2f} ms an upload ({spread})"


if __name__ == "__main__":
    sys.exit(main())
