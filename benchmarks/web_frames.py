"""Frames of a trace that Chromium wrote: how many a second, and the longest time without one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

_DRAWN = "DrawFrame"


class Frames(NamedTuple):
    """Of all pauses between two frames: frames a second, and the longest one in milliseconds."""

    rate: float
    longest_ms: float


def frames_of(events: Iterable[Mapping[str, object]]) -> Frames:
    """`events` as in `traceEvents`; times there are microseconds. RuntimeError when nothing was drawn."""
    drawn = sorted({float(str(event["ts"])) for event in events if event.get("name") == _DRAWN})
    pauses = [(later - earlier) / 1000 for earlier, later in pairwise(drawn)]
    if not pauses:
        raise RuntimeError("the trace has no frames")
    return Frames(len(pauses) / (sum(pauses) / 1000), max(pauses))
