"""Where messages lie that can never be processed: put aside visibly, never lost, never in the way. I/O.

A parked message lies on `atoll.<own region>.parked.<durable>` in the own region's stream: its body as it
came, headers saying from where and why. Its consumer lets go of the original only when that is acknowledged.
Used by the replicator and by the query service's indexer, each with its own way to let go and to count.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from atoll import events
from atoll.bus import Bus, BusUnavailable
from atoll.cluster_map import LiveClusterMap
from atoll.model import Region

MAX_REASON_CHARS = 200
# A message may fill its stream's limit to the last byte; with our headers it would be refused for ever.
MAX_BODY_BYTES = events.MAX_EVENT_BYTES


async def _made_by_its_nodes(_region: Region) -> None:
    return


class ParkingPlace:
    """Parks for the consumers called `durable` in the own `region`. `prepare` sees to the region's stream."""

    def __init__(
        self,
        bus: Bus,
        cluster: LiveClusterMap,
        region: str,
        durable: str,
        prepare: Callable[[Region], Awaitable[None]] = _made_by_its_nodes,
    ) -> None:
        self._bus, self._cluster, self._region, self._durable = bus, cluster, region, durable
        self._prepare = prepare

    async def put(self, message: Msg, reason: str) -> None:
        """Return when the message is parked, durably; `BusUnavailable` when it cannot be parked now."""
        region = self._cluster.current.regions.get(self._region)
        if region is None:
            raise BusUnavailable(f"Region {self._region} is not in the cluster map.")
        await self._prepare(region)
        subject = events.parked_subject(self._region, self._durable)
        headers = parked_headers(message, self._durable, reason)
        await self._bus.publish_kept(subject, message.data[:MAX_BODY_BYTES], headers, region.jetstream_domain)


def parked_headers(message: Msg, durable: str, reason: str) -> dict[str, str]:
    """What is said of a parked message. Its own words are made harmless: they may be anybody's."""
    where = message.metadata
    return {
        # Parked twice (we died before `term`), it is kept once. The time: a wiped stream counts anew.
        "Nats-Msg-Id": f"{durable}/{where.stream}/{where.sequence.stream}/{where.timestamp.timestamp()}",
        "Atoll-Parked-Stream": where.stream,
        "Atoll-Parked-Seq": str(where.sequence.stream),
        "Atoll-Parked-Subject": _harmless(message.subject),
        "Atoll-Parked-Reason": _harmless(reason)[:MAX_REASON_CHARS],
    }


def _harmless(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
