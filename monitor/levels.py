"""The levels of an alert. How one is entered and left is in damping.py. Pure."""

from __future__ import annotations

from typing import Literal

Level = Literal["ok", "warning", "critical"]
LEVELS: tuple[Level, ...] = ("ok", "warning", "critical")
