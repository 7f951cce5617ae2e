"""Canaries in `atoll status`: from region to region, what came, how fast, and what not. Prints."""

from __future__ import annotations

from collections.abc import Sequence

from atoll.cli.output import show_table
from atoll.client.canary_calls import RegionPath


def last_of(path: RegionPath) -> str:
    """How the last canary fared, in a few letters: milliseconds to a copy, and to read it."""
    if path.old:
        return "not flown lately"
    if not path.ok:
        return path.outcome or "not come"
    lag = "?" if path.lag_ms is None else f"{path.lag_ms:.0f}"
    read = "?" if path.read_ms is None else f"{path.read_ms:.0f}"
    return f"{lag} + {read} ms"


def percent(share: float | None) -> str:
    """An availability; 100 % only when nothing was missed."""
    if share is None:
        return "–"
    return "100 %" if share >= 1 else f"{min(share * 100, 99.99):.2f} %"


def show_paths(paths: Sequence[RegionPath]) -> None:
    """A row per region that canaries come from, a column per region that they go to; nothing without any."""
    if not paths:
        return
    regions = sorted({p.origin for p in paths} | {p.target for p in paths})
    known = {(p.origin, p.target): p for p in paths}
    rows = [(origin, *(_cell(known.get((origin, target))) for target in regions)) for origin in regions]
    show_table("Canaries (24 h; the last one's copy + read)", ("FROM", *regions), rows)


def _cell(path: RegionPath | None) -> str:
    return "" if path is None else f"{percent(path.day)}, {last_of(path)}"
