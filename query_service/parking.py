"""Messages that can never be indexed: put aside visibly, never lost, never in the way. I/O.

A parked message lies on `atoll.<own region>.parked.indexer` in the own region's stream: its body as it came,
headers saying from where and why. It is let go of only when that is acknowledged. Called by the readers (what
is no event of ours) and by the indexer (what the catalog will never take).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from atoll import events
from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.cluster_map import LiveClusterMap
from atoll.model import Region
from query_service.indexer_metrics import IndexerMetrics

log = logging.getLogger(__name__)

DURABLE = "indexer"
MAX_REASON_CHARS = 200
AGAIN_SECONDS = 5.0
# A message may fill its stream's limit to the last byte; with our headers it would be refused for ever.
MAX_BODY_BYTES = events.MAX_EVENT_BYTES


class Parking:
    """Parks in the stream of the own `region`, which `ensure_stream` makes if no node has yet."""

    def __init__(
        self,
        bus: Bus,
        cluster: LiveClusterMap,
        region: str,
        ensure_stream: Callable[[Region], Awaitable[None]],
        metrics: IndexerMetrics,
    ) -> None:
        self._bus, self._cluster, self._region = bus, cluster, region
        self._ensure_stream, self._metrics = ensure_stream, metrics

    async def park(self, message: Msg, reason: str) -> None:
        """Park and let go; when it cannot be parked now, it is delivered again."""
        try:
            await self._publish(message, parked_headers(message, reason))
        except BusUnavailable as error:
            log.error("cannot park a message of %s now: %s", message.metadata.stream, error.detail)
            await answer(message.nak(delay=AGAIN_SECONDS))
            return
        log.warning("parked a message of %s: %s", message.metadata.stream, reason)
        self._metrics.parked.inc()
        await answer(message.term())

    async def _publish(self, message: Msg, headers: dict[str, str]) -> None:
        region = self._cluster.current.regions.get(self._region)
        if region is None:
            raise BusUnavailable(f"Region {self._region} is not in the cluster map.")
        await self._ensure_stream(region)
        subject = events.parked_subject(self._region, DURABLE)
        await self._bus.publish_kept(subject, message.data[:MAX_BODY_BYTES], headers, region.jetstream_domain)


def parked_headers(message: Msg, reason: str) -> dict[str, str]:
    """What is said of a parked message. Its own words are made harmless: they may be anybody's."""
    where = message.metadata
    return {
        # Parked twice (we died before `term`), it is kept once.
        "Nats-Msg-Id": f"{DURABLE}/{where.stream}/{where.sequence.stream}/{where.timestamp.timestamp()}",
        "Atoll-Parked-Stream": where.stream,
        "Atoll-Parked-Seq": str(where.sequence.stream),
        "Atoll-Parked-Subject": _harmless(message.subject),
        "Atoll-Parked-Reason": _harmless(reason)[:MAX_REASON_CHARS],
    }


def _harmless(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


async def answer(sending: Awaitable[None]) -> None:
    """Send an ack, nak or term. One that is lost is no error: the message comes again and changes nothing."""
    try:
        await sending
    except FOREIGN_ERRORS as error:
        log.debug("an answer to a message did not go out: %r", error)
