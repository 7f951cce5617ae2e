"""Forecasts in `atoll status`: what will be full, and in how many days. Prints."""

from __future__ import annotations

from collections.abc import Sequence

from atoll.cli.output import show_table
from atoll.cli.spans import spell
from atoll.client.monitor_calls import ForecastView

DAY = 86_400.0


def show_forecasts(forecasts: Sequence[ForecastView]) -> None:
    """What will be full one day: in how many days, the range of that, and the history it rests on."""
    seen = [f for f in forecasts if f.days is not None]
    if seen:
        rows = [
            (f.scope, f.name, days(f.days), f"{days(f.early)} to {days(f.late)}", f.unit, _history(f))
            for f in seen
        ]
        show_table("Full in", ("WHAT", "NAME", "DAYS", "RANGE", "FIRST", "HISTORY"), rows)


def _history(forecast: ForecastView) -> str:
    """How long its growth is known; minutes foretell nothing of next week."""
    return spell(forecast.known_days * DAY)


def days(count: float | None) -> str:
    """So many, in words."""
    return "never" if count is None else f"{count:.1f}"
