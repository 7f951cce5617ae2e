"""Messages that can never be processed: put aside visibly, never lost, never in the way. I/O.

A parked message lies on `atoll.<own region>.parked.<durable>` in the own region's stream, its body as it
came, headers saying from where and why. It is let go of only when that is acknowledged; until then NATS
keeps delivering it, ever less often.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from nats.aio.msg import Msg

from atoll import events
from atoll.bus import Bus, BusUnavailable
from atoll.cluster_map import LiveClusterMap
from replicator.delivery import Delivery
from replicator.figures import Figures

log = logging.getLogger(__name__)

MAX_REASON_CHARS = 200
# A message may fill its stream's limit to the last byte; with our headers it would be refused for ever.
MAX_BODY_BYTES = events.MAX_EVENT_BYTES


def parked_headers(message: Msg, durable: str, reason: str) -> dict[str, str]:
    """What is said of a parked message. Its own words are made harmless: it may be anybody's."""
    where = message.metadata
    return {
        # Parked twice (we died before `term`), it is kept once.
        "Nats-Msg-Id": f"{durable}/{where.stream}/{where.sequence.stream}/{where.timestamp.timestamp()}",
        "Atoll-Parked-Stream": where.stream,
        "Atoll-Parked-Seq": str(where.sequence.stream),
        "Atoll-Parked-Subject": _harmless(message.subject),
        "Atoll-Parked-Reason": _harmless(reason)[:MAX_REASON_CHARS],
    }


def _harmless(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


class Parking:
    """Parks for the consumers called `durable`; `again` gives a delay by the number of deliveries."""

    def __init__(
        self,
        bus: Bus,
        cluster: LiveClusterMap,
        region: str,
        durable: str,
        again: Callable[[int], float],
        figures: Figures,
    ) -> None:
        self._bus, self._cluster, self._region, self._durable = bus, cluster, region, durable
        self._again, self._figures = again, figures
        self.parked = 0  # since the start

    async def park(self, delivery: Delivery, reason: str) -> None:
        """Park and let go; when it cannot be parked now, it comes again."""
        message = delivery.message
        try:
            await self._publish(message, parked_headers(message, self._durable, reason))
        except BusUnavailable as error:
            log.error("cannot park a message of %s now: %s", delivery.region, error.detail)
            await delivery.nak(self._again(delivery.delivered))
            return
        log.warning("parked a message of %s: %s", delivery.region, reason, extra={"subject": message.subject})
        self.parked += 1
        self._figures.parked.labels(delivery.region).inc()
        await delivery.term()

    async def _publish(self, message: Msg, headers: dict[str, str]) -> None:
        region = self._cluster.current.regions.get(self._region)
        if region is None:
            raise BusUnavailable(f"Region {self._region} is not in the cluster map.")
        subject = events.parked_subject(self._region, self._durable)
        body = message.data[:MAX_BODY_BYTES]
        await self._bus.publish_kept(subject, body, headers, region.jetstream_domain)
