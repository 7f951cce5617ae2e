"""Whether NATS brings what is sent: a daemon sends itself a word and listens for it. I/O.

A connection that stands proves nothing: a server that hangs, or a network that drops packets, keeps it open
for half a minute and brings no heartbeat meanwhile. Whoever trusted the connection would call every node dead
and say nothing of NATS. So the monitor judges nodes, and asks for its lease, only while its own word comes
back; and a query service says by it at /health whether it sees NATS.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from nats.aio.msg import Msg

from atoll.bus import Bus, BusUnavailable, Inbox

log = logging.getLogger(__name__)

ASK_SECONDS = 0.5
DEAF_SECONDS = 2.0  # below SUSPECT_AFTER: we must know that we are deaf before nodes look silent
SEND_SECONDS = 1.0


class Hearing:
    """`hears` is the answer; `back` is called when it becomes true again."""

    def __init__(
        self, bus: Bus, clock: Callable[[], float] = time.monotonic, back: Callable[[], None] = lambda: None
    ) -> None:
        """`clock`: monotonic seconds."""
        self._bus, self._clock, self._back = bus, clock, back
        self._heard = float("-inf")

    @property
    def hears(self) -> bool:
        """Whether what is sent now would be heard, as far as can be known."""
        return self._bus.connected and self._clock() - self._heard < DEAF_SECONDS

    async def run(self) -> None:
        """Ask for ever. The inbox outlives reconnects."""
        inbox = await self._open()
        while True:
            await self._ask(inbox)
            await asyncio.sleep(ASK_SECONDS)

    async def _open(self) -> Inbox:
        while True:
            await self._bus.wait_connected()
            try:
                return await self._bus.open_inbox(self._on_word)
            except BusUnavailable as error:
                log.debug("no inbox yet: %s", error.detail)
            await asyncio.sleep(ASK_SECONDS)

    async def _ask(self, inbox: Inbox) -> None:
        """Not `flush`: its answer, when it comes late, breaks the driver's reading."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._bus.publish(f"{inbox.prefix}.word", b"")
        except (BusUnavailable, TimeoutError) as error:
            log.debug("NATS takes nothing: %s", error)

    async def _on_word(self, message: Msg) -> None:
        self.heard()

    def heard(self) -> None:
        """The own word came back."""
        was = self.hears
        self._heard = self._clock()
        if not was:
            log.info("NATS brings what is sent")
            self._back()
