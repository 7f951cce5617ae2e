"""One channel's post: works out what it must be told, gathers, sends with a deadline, tries again. I/O.

Alerts that come together go together: the first waits `group_seconds` for others. What fails waits longer
each time, up to a minute, and stays visible: /v1/channels, metrics, and an alert on the other channels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from atoll.backoff import Backoff
from monitor.alert_orders import Orders
from monitor.alerts import Alert
from monitor.channels import Channel, Undelivered
from monitor.clock import Clock
from monitor.condition_book import Condition
from monitor.told import Told, Wants, batch_of, due, entered, intended

log = logging.getLogger(__name__)

SEND_SECONDS = 20.0


class PostView(Struct, frozen=True):
    """How a channel fares. `waiting_seconds`: for how long alerts have waited to be sent."""

    name: str
    kind: str
    told: int
    waiting: int
    waiting_seconds: float
    sent: int
    failures: int
    error: str | None


class AlertPost:
    """Knows its channel's ledger; `turn` is called by the desk as long as this monitor leads."""

    def __init__(
        self,
        name: str,
        kind: str,
        channel: Channel,
        wants: Wants,
        clock: Clock,
        backoff: Backoff,
        group_seconds: float,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self.name, self.kind, self.wants = name, kind, wants
        self._channel, self._clock, self._backoff = channel, clock, backoff
        self._group, self._deadline = group_seconds, send_seconds
        self._waiting_since: float | None = None
        self._next_try = float("-inf")
        self._due: list[Alert] = []
        self.ledger: dict[str, Told] = {}
        self._sent = self._failures = 0
        self._error: str | None = None

    def view(self) -> PostView:
        """How it fares now."""
        return PostView(
            self.name, self.kind, len(self.ledger), len(self._due), round(self.waiting_seconds, 1),
            self._sent, self._failures, self._error,
        )  # fmt: skip

    @property
    def waiting_seconds(self) -> float:
        """How long the oldest alert has waited beyond its gathering."""
        if self._waiting_since is None:
            return 0.0
        return max(0.0, self._clock.monotonic() - self._waiting_since - self._group)

    @property
    def error(self) -> str | None:
        """Why the last try failed; None after one that did not."""
        return self._error

    def rest(self) -> None:
        """This monitor does not lead: nothing waits here."""
        self._waiting_since, self._due = None, []

    async def turn(
        self,
        standing: Sequence[Condition],
        orders: Orders,
        monitor: str,
        *,
        now: Callable[[], int],
        keep: Callable[[], Awaitable[None]],
    ) -> bool:
        """Send what is due, if it is time; whether it arrived. `keep` puts the ledger where a restart finds
        it, before and after: what is on its way is in it."""
        self._due = due(self.wants, self.ledger, standing, orders, now(), monitor)
        clock = self._clock.monotonic()
        if not self._due:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = clock
        if clock - self._waiting_since < self._group or clock < self._next_try:
            return False
        return await self._send(standing, keep)

    async def _send(self, standing: Sequence[Condition], keep: Callable[[], Awaitable[None]]) -> bool:
        batch, before = batch_of(self._due), self.ledger
        self.ledger = during = intended(before, batch.alerts, standing)
        await keep()
        try:
            async with asyncio.timeout(self._deadline):
                await self._channel.send(batch)
        except (Undelivered, TimeoutError) as error:
            if isinstance(error, Undelivered) and not error.perhaps and self.ledger is during:
                self.ledger = before
                await keep()
            self._failed(str(error) or f"no answer within {self._deadline:g} s")
            return False
        self._backoff.reset()
        self.ledger = entered(self.ledger, batch.alerts, standing)
        self._sent += len(batch.alerts)
        self._error, self._waiting_since, self._next_try, self._due = None, None, float("-inf"), []
        await keep()
        return True

    def _failed(self, why: str) -> None:
        self._failures += 1
        if why != self._error:
            log.error("alerts do not reach the channel %s: %s", self.name, why)
        self._error = why
        self._next_try = self._clock.monotonic() + self._backoff.next()
