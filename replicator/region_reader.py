"""One region's stream, read into the window: fetch while there is room and the node takes orders. I/O.

A stream that is missing, a consumer that was deleted and a NATS that is away all heal by asking again;
it is logged once per change, not per try.
"""

from __future__ import annotations

import asyncio
import logging
import random

from nats.aio.msg import Msg

from atoll.backoff import Backoff
from atoll.bus import BusUnavailable
from atoll.lifecycle import Stop
from atoll.streams import Consumer
from replicator.gate import NodeGate
from replicator.held import Held
from replicator.intake import Intake

log = logging.getLogger(__name__)

FETCH_SECONDS = 0.5  # also how long a stop may have to wait: a torn fetch would lose messages for 30 s
MAX_FETCH = 64
AGAIN_FIRST, AGAIN_CAP = 0.1, 2.0


class RegionReader:
    """Reads with `consumer`, holding at most `share` messages at once."""

    def __init__(
        self, consumer: Consumer, intake: Intake, held: Held, gate: NodeGate, share: int, rng: random.Random
    ) -> None:
        self._consumer, self._intake, self._held, self._gate = consumer, intake, held, gate
        self._share = share
        self._backoff = Backoff(AGAIN_FIRST, AGAIN_CAP, rng)
        self._stop = Stop()
        self._woken = asyncio.Event()
        self._reachable: bool | None = None  # not asked yet
        self.backlog: int | None = None  # messages not yet done; None when the stream cannot be asked

    @property
    def region(self) -> str:
        """The region whose stream it reads."""
        return self._consumer.region.name

    def wake(self) -> None:
        """There may be room, or the gate may be open."""
        self._woken.set()

    def stop(self) -> None:
        """Fetch no more."""
        self._stop.request()
        self._woken.set()

    async def run(self) -> None:
        """Read until `stop`."""
        try:
            while not self._stop.requested():
                if room := self._room():
                    await self._read(min(room, MAX_FETCH))
                else:
                    await self._woken.wait()
                self._woken.clear()
        finally:
            await self._consumer.release()

    def _room(self) -> int:
        """How many messages to fetch. A quarter of the share at least: not one by one under load."""
        room = self._share - self._held.count(self.region)
        return room if self._gate.is_open and room >= max(1, self._share // 4) else 0

    async def _read(self, batch: int) -> None:
        for message in await self._fetch(batch):
            await self._intake.take(message, self.region)

    async def _fetch(self, batch: int) -> list[Msg]:
        try:
            messages = await self._consumer.fetch(batch, FETCH_SECONDS)
        except BusUnavailable as error:
            self._note(error.detail)
            await self._stop.sleep(self._backoff.next())
            return []
        self._note(None)
        self._backoff.reset()
        return messages

    def _note(self, trouble: str | None) -> None:
        if trouble and self._reachable is not False:
            log.warning("the stream of %s cannot be read now: %s", self.region, trouble)
        elif trouble is None and self._reachable is False:
            log.info("the stream of %s can be read again", self.region)
        self._reachable = trouble is None

    async def measure(self) -> None:
        """Ask how many messages wait. Unknown is not none: nobody shall read a cut-off as caught up."""
        try:
            self.backlog = await self._consumer.backlog() if self._reachable else None
        except BusUnavailable:
            self.backlog = None
