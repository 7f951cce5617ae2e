"""One region's stream, read into the indexer's queue. I/O.

Owns the fetching and the opening of messages; what is no event of ours is parked here. The first event after
a pause comes at once; while there are more they gather in the stream and are fetched together, as the indexer
writes them together anyway. A full queue stops the reading: what does not fit in our hands stays in the
stream. A stream that is missing, a consumer that was deleted and a NATS that is away heal by asking again.
While it is another service's turn nothing is fetched, and what was not handed on is given back.
Made by `app`, run by the indexer.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import NamedTuple

from nats.aio.msg import Msg

from atoll import events
from atoll.backoff import Backoff
from atoll.bus import Bus, BusUnavailable
from atoll.events import AnyEvent, BadEvent
from atoll.lifecycle import Stop
from atoll.model import Region
from atoll.signing import Keys
from atoll.streams import Consumer
from query_service.indexer_turn import Always, Turn
from query_service.parking import DURABLE, Parking

log = logging.getLogger(__name__)

FETCH_SECONDS = 1.0  # also how long a stop may wait: a fetch is not torn, its messages would lie for 30 s
MAX_FETCH = 512
GATHER_SECONDS = 0.25
MAX_ACK_PENDING = 4096  # in the hands of all query services together


class Delivery(NamedTuple):
    """A message in our hands, and the event in it."""

    message: Msg
    event: AnyEvent


class EventReader:
    """Reads `region` with the durable consumer that all query services share."""

    def __init__(
        self,
        bus: Bus,
        keys: Keys,
        region: Region,
        queue: asyncio.Queue[Delivery | None],
        parking: Parking,
        backoff: Backoff,
        turn: Turn | None = None,
    ) -> None:
        """`turn`: asked before each fetch; None: it is always ours."""
        subjects = [f"atoll.{region.name}.{kind}.>" for kind in events.KINDS]
        self._consumer = Consumer(bus, region, DURABLE, subjects, max_ack_pending=MAX_ACK_PENDING)
        self._keys, self._queue, self._parking, self._backoff = keys, queue, parking, backoff
        self._stop, self._turn = Stop(), turn or Always()
        self._reachable = True

    @property
    def region(self) -> Region:
        """The region whose stream it reads."""
        return self._consumer.region

    def stop(self) -> None:
        """Fetch no more."""
        self._stop.request()

    async def run(self) -> None:
        """Read until `stop`."""
        try:
            some = False
            while not self._stop.requested():
                if not await self._turn.comes(0.0):
                    await self._wait_for_turn()
                    continue
                messages = await self._fetch(gathered=some)
                for message in messages:
                    await self._take(message)
                some = bool(messages)
                if 0 < len(messages) < MAX_FETCH:
                    await self._stop.sleep(GATHER_SECONDS)
        finally:
            await self._consumer.release()

    async def _wait_for_turn(self) -> None:
        await self._consumer.release()
        while not self._stop.requested() and not await self._turn.comes(FETCH_SECONDS):
            pass

    async def _fetch(self, *, gathered: bool) -> list[Msg]:
        try:
            if gathered:
                messages = await self._consumer.fetch_gathered(MAX_FETCH)
            else:
                messages = await self._consumer.fetch(1, FETCH_SECONDS)
        except BusUnavailable as error:
            self._note(error.detail)
            await self._stop.sleep(self._backoff.next())
            return []
        self._note(None)
        self._backoff.reset()
        return messages

    async def _take(self, message: Msg) -> None:
        try:
            event = events.open_event(message.subject, message.data, message.headers, self._keys)
        except BadEvent as error:
            await self._parking.park(message, str(error))
            return
        await self._queue.put(Delivery(message, event))

    def _note(self, trouble: str | None) -> None:
        if self._reachable and trouble:
            log.warning("the stream of %s cannot be read now: %s", self.region.name, trouble)
        elif trouble is None and not self._reachable:
            log.info("the stream of %s can be read again", self.region.name)
        self._reachable = trouble is None

    async def backlog(self) -> float:
        """How many events wait; NaN when it cannot be asked, because unknown is not none."""
        try:
            return await self._consumer.backlog() if self._reachable else math.nan
        except BusUnavailable:
            return math.nan
