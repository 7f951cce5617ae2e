"""Forecasts in `atoll status`: what will be full, and in how many days. Prints."""

from __future__ import annotations

from collections.abc import Sequence

from atoll.cli.output import show_table
from atoll.client.monitor_calls import ForecastView


def show_forecasts(forecasts: Sequence[ForecastView]) -> None:
    """What will be full one day: in how many days, and the range of that."""
    seen = [f for f in forecasts if f.days is not None]
    if seen:
        rows = [
            (f.scope, f.name, f"{f.days:.1f}", f"{days(f.early)} to {days(f.late)}", f.unit) for f in seen
        ]
        show_table("Full in", ("WHAT", "NAME", "DAYS", "RANGE", "FIRST"), rows)


def days(count: float | None) -> str:
    """So many, in words."""
    return "never" if count is None else f"{count:.1f}"
