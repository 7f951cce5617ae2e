"""Delays between retries: exponential, capped, with full jitter.

Full jitter because many retriers of one dead peer must not come back in step
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from __future__ import annotations

import random


class Backoff:
    """Give `next()` seconds to wait; `reset()` after a success."""

    def __init__(self, first: float, cap: float, rng: random.Random | None = None) -> None:
        self._first, self._cap = first, cap
        self._rng = rng or random.Random()
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait before the next try, at least a tenth of the current ceiling."""
        ceiling = min(self._cap, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return ceiling * self._rng.uniform(0.1, 1.0)

    def reset(self) -> None:
        """The next failure counts as the first again."""
        self._failures = 0
