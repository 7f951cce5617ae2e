"""When a webhook that failed is tried again, and when it is given up. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST_SECONDS, LONGEST_SECONDS = 5.0, 7200.0


@dataclass(frozen=True)
class HookRules:
    """`retry_seconds`: for how long a delivery is tried. `jitter` gives 0 to 1."""

    retry_seconds: int
    jitter: Callable[[], float]

    def next_at(self, tries: int, begun_at: int, now: int) -> int | None:
        """When to try again after so many `tries` (all in Unix milliseconds); None: no more.

        Each pause is twice as long as the one before, up to two hours, a fifth of it at random: endpoints
        that were away together do not get everything at once. The last try is at the very end of the time.
        """
        end = begun_at + self.retry_seconds * 1000
        if now >= end:
            return None
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(tries - 1, 30)) * (0.8 + 0.2 * self.jitter())
        return min(end, now + int(pause * 1000))
