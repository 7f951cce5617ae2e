"""A token bucket: so many requests at once, so many a second for ever. Pure; the clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """`per_second` tokens come back each second, up to `burst`. A `per_second` of 0: no limit."""

    per_second: int
    burst: int

    @property
    def lease(self) -> int:
        """How many tokens an instance takes from Redis at once: a twentieth of a second's, or of the
        burst.
        """
        return max(1, min(self.per_second, self.burst) // 20)

    @property
    def window(self) -> int:
        """Seconds in which an empty bucket is full again, rounded up."""
        return -(-self.burst // self.per_second)


class LocalBucket:
    """What stands in for Redis: the same rate, for this instance alone. `now` is monotonic seconds."""

    __slots__ = ("_at", "_level", "_rate")

    def __init__(self, rate: Rate, now: float, level: int | None = None) -> None:
        """Full, unless it is known how full the one in Redis was."""
        self._rate, self._level, self._at = rate, float(rate.burst if level is None else level), now

    @property
    def level(self) -> int:
        """Whole tokens that were left after the last `take`."""
        return int(self._level)

    def take(self, now: float) -> tuple[int, float]:
        """Take up to a lease of tokens: how many, and in how many seconds the next one comes."""
        rate = self._rate
        self._level = min(rate.burst, self._level + (now - self._at) * rate.per_second)
        self._at = now
        taken = min(rate.lease, int(self._level))
        self._level -= taken
        return taken, max(0.0, 1 - self._level) / rate.per_second
