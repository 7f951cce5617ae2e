"""Sends capacity alerts on core NATS, and keeps trying while it is away. I/O.

What waits is bounded: the latest transition per subject, a newer one in place of an older. Folding the two
into "nothing happened" is refused: a failed sending may have reached somebody all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from atoll.backoff import Backoff
from atoll.bus import BusUnavailable
from atoll.signing import Keys
from monitor.alerts import CapacityAlert, alert_subject, seal_alert

log = logging.getLogger(__name__)

# Sends one message and returns once the server has it; `BusUnavailable` otherwise.
Send = Callable[[str, bytes, dict[str, str]], Awaitable[None]]


class NatsAlertSink:
    """An `AlertSink`; `run` does the sending."""

    def __init__(self, send: Send, keys: Keys, backoff: Backoff) -> None:
        self._send, self._keys, self._backoff = send, keys, backoff
        self._waiting: dict[str, CapacityAlert] = {}
        self._under_way: CapacityAlert | None = None
        self._offered = asyncio.Event()

    @property
    def unsent(self) -> Sequence[CapacityAlert]:
        """Alerts that wait for NATS, the one being sent included."""
        return [*([self._under_way] if self._under_way else []), *self._waiting.values()]

    def offer(self, alert: CapacityAlert) -> None:
        """Queue the alert in place of whatever waits for the same subject."""
        self._waiting[alert_subject(alert)] = alert
        self._offered.set()

    async def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            await self._offered.wait()
            self._offered.clear()
            while self._waiting:
                await self._send_next()

    async def _send_next(self) -> None:
        subject = next(iter(self._waiting))
        alert = self._waiting.pop(subject)
        self._under_way = alert
        try:
            await self._send(subject, *seal_alert(alert, self._keys))
            self._backoff.reset()
        except BusUnavailable as error:
            self._waiting.setdefault(subject, alert)  # unless a newer one came while this was under way
            log.debug("an alert waits for NATS: %s", error.detail)
            await self._pause()
        finally:
            self._under_way = None

    async def _pause(self) -> None:
        self._under_way = None  # it is back among those that wait
        await asyncio.sleep(self._backoff.next())
