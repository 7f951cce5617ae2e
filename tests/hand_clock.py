"""A clock that a test moves by hand."""

from __future__ import annotations

START_MS = 1_800_000_000_000


class HandClock:
    """Both of the monitor's clocks; `advance` moves them together."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds

    def now_ms(self) -> int:
        return START_MS + round((self.seconds - 1000) * 1000)
