"""How much repair may be under way: never so much that readers and uploads feel it. Pure but for waiting.

Two bounds. `Throttle` is additive increase, multiplicative decrease (as TCP, Chiu and Jain 1989) on the load
that the nodes say of themselves once a second: halved while a node is busy, one more each time it is not. So
up to `least`; beyond it, up to `most`, only while both nodes are idle, and one is given back each time they
are not: a lost region is filled from what nobody else uses. Repair's own work is part of the load, so it
takes no more of a node than leaves it idle. One at a time is still much where each takes milliseconds, so
below that there are rests between them, longer while the node stays busy. It never falls to nothing: a node
that is busy for weeks must still become whole.
`Slots` hands out places within it and keeps the bytes under a rate. Tombstones wait for a place, never for
a rest: they cost next to nothing, and what is deleted must go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

ADJUST_SECONDS = 1.0  # as often as a node says its load
REST_FIRST, REST_MOST = 0.05, 0.5  # seconds between two orders to a node that stays busy


class Throttle:
    """Between 1 and `most` (`least`, if that is more). `busy` is the load (0 to 1) from which on a node is
    left alone, `idle` the one below which there may be more than `least`."""

    def __init__(self, least: int, busy: float, *, most: int = 0, idle: float = 0.0) -> None:
        self._least, self._most = least, max(least, most)
        self._busy, self._idle = busy, min(idle, busy)
        self._adjusted = float("-inf")
        self.allowed = least
        self.rest = 0.0  # seconds between two orders

    def look(self, load: float | None, now: float) -> int:
        """How many at once, at `now` (monotonic seconds). Unknown load: half, as nobody would say stop."""
        if now - self._adjusted >= ADJUST_SECONDS:
            self._adjusted = now
            self.allowed = self._next(load)
        return self.allowed

    def _next(self, load: float | None) -> int:
        rest, self.rest = self.rest, 0.0
        if load is None:
            return max(1, self._least // 2)
        if load >= self._busy:
            if self.allowed == 1:
                self.rest = min(REST_MOST, max(REST_FIRST, 2 * rest))
            return max(1, self.allowed // 2)
        if load < self._idle or self.allowed < self._least:
            return min(self._most, self.allowed + 1)
        return max(self._least, self.allowed - 1)


class ByteRate:
    """At most so many bytes a second, over seconds: a large blob is paid for by those after it."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._free_at = float("-inf")

    def wait(self, size: int, now: float) -> float:
        """Seconds to wait before `size` bytes may be ordered; they count as ordered then."""
        start = max(now, self._free_at)
        self._free_at = start + size / self._rate
        return start - now


class Slots:
    """Places for orders of repair; one taker at a time.

    `load` gives how busy the own node and a source are, the busier of the two, None when that is unknown.
    """

    def __init__(
        self,
        throttle: Throttle,
        rate: ByteRate,
        load: Callable[[str], float | None],
        clock: Callable[[], float],
    ) -> None:
        self._throttle, self._rate, self._load, self._clock = throttle, rate, load, clock
        self._freed = asyncio.Event()
        self._ordered_at = float("-inf")
        self.taken = 0

    @property
    def allowed(self) -> int:
        """How many may be under way now."""
        return self._throttle.allowed

    @property
    def rest(self) -> float:
        """Seconds between two orders now."""
        return self._throttle.rest

    async def take(self, size: int, source: str) -> None:
        """Wait for a place for an order of `size` bytes (0: a tombstone) from a node."""
        await asyncio.sleep(self._rate.wait(size, self._clock()))
        while (seconds := self._hindered(size, source)) > 0:
            self._freed.clear()
            try:
                await asyncio.wait_for(self._freed.wait(), seconds)
            except TimeoutError:
                continue  # the load may have fallen
        self.taken += 1
        self._ordered_at = self._clock()

    def _hindered(self, size: int, source: str) -> float:
        """Seconds until another look is worth it; 0 when there is a place."""
        now = self._clock()
        if self.taken >= self._throttle.look(self._load(source), now):
            return ADJUST_SECONDS
        return min(ADJUST_SECONDS, self._ordered_at + self._throttle.rest - now) if size else 0.0

    def give_back(self) -> None:
        """An order has ended."""
        self.taken -= 1
        self._freed.set()
