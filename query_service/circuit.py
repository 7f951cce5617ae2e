"""A circuit breaker: what just failed is not asked again by everybody at once. Pure; the clock is passed in.

Closed until a failure; then open, and after a delay that grows with every failure one call is let through as
a trial. Used by the catalog's reads: with MongoDB away each call would wait for the driver's deadline, and
callers would queue behind the driver's few threads.
"""

from __future__ import annotations

from collections.abc import Callable

from atoll.backoff import Backoff


class Circuit:
    """Ask `allows()` before a call, and tell how it ended."""

    def __init__(self, clock: Callable[[], float], backoff: Backoff) -> None:
        self._clock, self._backoff = clock, backoff
        self._trial_at: float | None = None

    @property
    def closed(self) -> bool:
        """Whether the last call that ended was good."""
        return self._trial_at is None

    def allows(self) -> bool:
        """Whether a call may be made now. While open only one caller gets a yes per delay."""
        if self._trial_at is None:
            return True
        now = self._clock()
        if now < self._trial_at:
            return False
        self._trial_at = now + self._backoff.next()
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        if self._trial_at is not None:
            self._trial_at = None
            self._backoff.reset()

    def failed(self) -> None:
        """A call was not answered."""
        if self._trial_at is None:
            self._trial_at = self._clock() + self._backoff.next()
