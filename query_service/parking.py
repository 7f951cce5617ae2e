"""Messages that can never be indexed: parked (atoll/parking.py), counted, and let go of. I/O.

Called by the readers (what is no event of ours) and by the indexer (what the catalog will never take).
"""

from __future__ import annotations

import logging

from nats.aio.msg import Msg

from atoll.bus import BusUnavailable
from atoll.parking import ParkingPlace
from atoll.streams import answer
from query_service.indexer_metrics import IndexerMetrics

log = logging.getLogger(__name__)

DURABLE = "indexer"
AGAIN_SECONDS = 5.0


class Parking:
    """Parks what the indexer's consumers got."""

    def __init__(self, place: ParkingPlace, metrics: IndexerMetrics) -> None:
        self._place, self._metrics = place, metrics

    async def park(self, message: Msg, reason: str) -> None:
        """Park and let go; when it cannot be parked now, it is delivered again."""
        try:
            await self._place.put(message, reason)
        except BusUnavailable as error:
            log.error("cannot park a message of %s now: %s", message.metadata.stream, error.detail)
            await answer(message.nak(delay=AGAIN_SECONDS))
            return
        log.warning("parked a message of %s: %s", message.metadata.stream, reason)
        self._metrics.parked.inc()
        await answer(message.term())
