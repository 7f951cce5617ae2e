"""Tells programs on core NATS: a sealed message each, on `atoll.alert.<rule>.<scope>.<name>`. I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from atoll.bus import BusUnavailable
from atoll.signing import Keys
from monitor.alerts import Batch, alert_subject, seal_alert
from monitor.channels import Undelivered

# Sends one message and returns once the server has it; `BusUnavailable` otherwise.
Send = Callable[[str, bytes, dict[str, str]], Awaitable[None]]


class NatsChannel:
    """A `Channel`."""

    def __init__(self, send: Send, keys: Keys) -> None:
        self._send, self._keys = send, keys

    async def send(self, batch: Batch) -> None:
        try:
            for alert in batch.alerts:
                await self._send(alert_subject(alert), *seal_alert(alert, self._keys))
        except BusUnavailable as error:
            raise Undelivered(error.detail) from error
