"""The synthetic index of a size, made once for all that is measured on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.synthetic_index import fill

NODE = "a-node"
SIZES, QUICK_SIZES = (1_000, 10_000, 100_000, 1_000_000), (1_000, 10_000)


def filled(directory: Path, size: int, to: Path) -> None:
    """Put an index of blobs 0 to `size` at `to`; the first copy stays in `directory`."""
    made = directory / f"index-{size}.db"
    if not made.exists():
        fill(made, NODE, range(size))
    shutil.copy(made, to)
