"""Messages that can never be processed: parked (atoll/parking.py), counted, and let go of. I/O.

Until a message is parked NATS keeps delivering it, ever less often.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from atoll.bus import BusUnavailable
from atoll.parking import ParkingPlace
from replicator.delivery import Delivery
from replicator.figures import Figures

log = logging.getLogger(__name__)


class Parking:
    """`again` gives a delay (seconds) by the number of deliveries."""

    def __init__(self, place: ParkingPlace, again: Callable[[int], float], figures: Figures) -> None:
        self._place, self._again, self._figures = place, again, figures
        self.parked = 0  # since the start

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Park and let go; when it cannot be parked now, it comes again."""
        try:
            await self._place.put(delivery.message, reason)
        except BusUnavailable as error:
            log.error("cannot park a message of %s now: %s", delivery.region, error.detail)
            await delivery.nak(self._again(delivery.delivered))
            return
        subject = {"subject": delivery.message.subject}
        log.warning("parked a message of %s: %s", delivery.region, reason, extra=subject)
        self.parked += 1
        self._figures.parked.labels(delivery.region).inc()
        await delivery.term()
