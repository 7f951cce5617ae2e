"""The loop of simulated time: what is to happen, in order of its time. Pure.

Our own, because it is thirty lines: what happens at the same time happens in the order it was planned in,
so the same seed gives the same run.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Event = Callable[[], None]


class Loop:
    """`now` is seconds since the beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Event]] = []
        self._number = count()

    def at(self, when: float, event: Event) -> None:
        """Let it happen at a time. ValueError for a time that is past."""
        if when < self.now:
            raise ValueError(f"{when} is past: it is {self.now}")
        heapq.heappush(self._planned, (when, next(self._number), event))

    def after(self, seconds: float, event: Event) -> None:
        """Let it happen in so many seconds."""
        self.at(self.now + seconds, event)

    def run(self, until: float = float("inf")) -> None:
        """All that is planned up to a time, what is planned meanwhile included."""
        while self._planned and self._planned[0][0] <= until:
            self.now, _, event = heapq.heappop(self._planned)
            event()
        if until != float("inf"):
            self.now = until
