"""When a level is entered and when it is left: the rule that keeps an alert from flapping. Pure.

A level is entered at its threshold and left only `clear_points` below it, so a disk that hovers around
80 % makes one alert, not one a second. Between the two lines the level stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "critical"]
LEVELS: tuple[Level, ...] = ("ok", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Percent used at which a level begins, and how many points lower it ends."""

    warning: float = 80.0
    critical: float = 92.0
    clear_points: float = 3.0

    def starts_at(self, level: Level) -> float:
        """The percentage at which `level` begins; 0 for ok."""
        return {"ok": 0.0, "warning": self.warning, "critical": self.critical}[level]


def next_level(current: Level, used_percent: float, thresholds: Thresholds) -> Level:
    """The level after `current`, when a disk is now `used_percent` full."""
    for level in reversed(LEVELS):
        start = thresholds.starts_at(level)
        held = LEVELS.index(level) <= LEVELS.index(current)
        if used_percent >= start or (held and used_percent > start - thresholds.clear_points):
            return level
    return "ok"
