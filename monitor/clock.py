"""The two clocks the monitor reads, as one thing that a test can own."""

from __future__ import annotations

import time
from typing import Protocol

from atoll import ids


class Clock(Protocol):
    """Monotonic seconds for durations, Unix milliseconds for what people and other machines read."""

    def monotonic(self) -> float:
        """Seconds since some start; never goes back."""
        ...

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return ids.now_ms()
