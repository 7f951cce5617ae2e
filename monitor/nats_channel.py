"""Tells programs on core NATS: a sealed message each, on `atoll.alert.<rule>.<scope>.<name>`. I/O."""

from __future__ import annotations

from atoll.bus import Bus, BusUnavailable
from atoll.signing import Keys
from monitor.alerts import Batch, alert_subject, seal_alert
from monitor.channels import Undelivered


class NatsChannel:
    """A `Channel`."""

    def __init__(self, bus: Bus, keys: Keys) -> None:
        self._bus, self._keys = bus, keys

    async def send(self, batch: Batch) -> None:
        published = False
        try:
            for alert in batch.alerts:
                await self._bus.publish(alert_subject(alert), *seal_alert(alert, self._keys))
                published = True
            await self._bus.flush()
        except BusUnavailable as error:
            raise Undelivered(error.detail, perhaps=published) from error
