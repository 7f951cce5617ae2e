"""Spans of time as people write them on a command line: 90d, 12h, 30m, 10s. Pure."""

from __future__ import annotations

import argparse
import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)


def span(text: str) -> int:
    """Seconds; a bare number is seconds too."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time: say 90d, 12h, 30m or 10s")
    return int(match[1]) * _UNITS[match[2] or "s"]


def spell(seconds: float) -> str:
    """How long, in the largest unit that fits."""
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS[unit]:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{max(0.0, seconds):.0f}s"
