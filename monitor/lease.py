"""Which of several monitors leads: it tells people and acts, the others only watch.

The leader renews a document in the shared bucket. Who sees the same revision for `LEASE_SECONDS`, by his
own clock alone, takes the lease with compare-and-set, so clocks need not agree and one wins. A leader that
could not renew for as long stops leading before anybody may take over.

While NATS is away nobody can take over, and that outage is what people must hear of: the monitor that led
goes on, and one that has never reached NATS leads after `ALONE_SECONDS`. Cut off from each other two may
then tell the same; twice is better than never, and receivers go by an alert's `key`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct

from atoll.bus import BusUnavailable
from atoll.errors import Conflict
from monitor.clock import Clock
from monitor.monitor_bucket import MonitorBucket

log = logging.getLogger(__name__)

KEY = "leader"
POLL_SECONDS = 1.0
RENEW_SECONDS = 1.0
LEASE_SECONDS = 5.0
ALONE_SECONDS = 10.0


class LeaseDocument(Struct, frozen=True):
    """Who leads. `term` grows with every change of hands: what acts on it is fenced by that."""

    monitor: str
    term: int
    at: int


class Lease:
    """`leads` is the answer; `run` keeps it true. `won` is awaited before it first says yes."""

    def __init__(
        self,
        name: str,
        bucket: MonitorBucket,
        connected: Callable[[], bool],
        clock: Clock,
        won: Callable[[], Awaitable[None]],
    ) -> None:
        self._name, self._bucket, self._connected, self._clock, self._won = (
            name,
            bucket,
            connected,
            clock,
            won,
        )
        self._begun = clock.monotonic()
        self._mine: int | None = None  # the revision that I wrote
        self._renewed = float("-inf")
        self._seen: tuple[int | None, float] = (None, float("-inf"))
        self._reached = False
        self.term = 0
        self.leader = ""

    @property
    def leads(self) -> bool:
        """Whether this monitor leads now."""
        now = self._clock.monotonic()
        if not self._connected():
            return self._mine is not None or (not self._reached and now - self._begun >= ALONE_SECONDS)
        return self._mine is not None and now - self._renewed < LEASE_SECONDS

    async def run(self) -> None:
        """Renew or watch, for ever; let go at the end."""
        try:
            while True:
                await self.turn()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._let_go()

    async def turn(self) -> None:
        """One look at the lease."""
        if not self._connected():
            return
        began = self._clock.monotonic()
        try:
            if self._mine is not None:  # not read first: it is replaced only if it is still mine
                await self._write(self._mine, self.term, began)
            else:
                await self._look(began)
        except Conflict:
            self._lost(None)
        except BusUnavailable as error:
            log.debug("the lease cannot be asked for: %s", error.detail)

    async def _look(self, began: float) -> None:
        document = await self._bucket.get(KEY)
        held = document.read(LeaseDocument)
        self._reached = True
        if self._free(held, document.revision):
            await self._take(held, document.revision, began)
        else:
            self._lost(held)

    def _free(self, held: LeaseDocument | None, revision: int | None) -> bool:
        now = self._clock.monotonic()
        if revision != self._seen[0]:
            self._seen = (revision, now)
        return held is None or not held.monitor or now - self._seen[1] >= LEASE_SECONDS

    async def _take(self, held: LeaseDocument | None, revision: int | None, began: float) -> None:
        term = (held.term if held else 0) + 1
        await self._write(revision, term, began)
        log.info("this monitor leads now, term %d", term)

    async def _write(self, revision: int | None, term: int, began: float) -> None:
        """Counted from before it was sent: whoever waits for its end began later."""
        fresh = self._mine is None
        written = await self._bucket.put(KEY, LeaseDocument(self._name, term, self._clock.now_ms()), revision)
        if fresh:
            await self._won()
        self._mine, self._renewed, self.term, self.leader = written, began, term, self._name

    def _lost(self, held: LeaseDocument | None) -> None:
        if self._mine is not None:
            log.warning("this monitor leads no more")
        self._mine = None
        self.leader = held.monitor if held else self.leader

    async def _let_go(self) -> None:
        if self._mine is None or not self._connected():
            return
        try:
            await self._bucket.put(KEY, LeaseDocument("", self.term, self._clock.now_ms()), self._mine)
        except (Conflict, BusUnavailable) as error:
            log.info("the lease runs out by itself: %s", error.detail)
        self._mine = None
