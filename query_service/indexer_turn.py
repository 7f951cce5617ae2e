"""Whose turn it is to index: one query service at a time, as long as it keeps up. I/O.

The events of an upload come from all regions of its set. Whoever has them together makes one write of them;
two services that each have a part make several, and a change of what is there costs the catalog several
times what an insert does. So one service holds a lease and reads, and the others look whether it is still
held. They read too while more than `help_backlog` events wait, and when nobody can say whose turn it is.

The lease spares work, it guards nothing: events that two services have are indexed as well as before.
Called by the readers; `run` and `heard_backlog` by the indexer.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Protocol

from atoll.bus import BusUnavailable

log = logging.getLogger(__name__)

LEASE = "lease.indexer"
LEASE_SECONDS = 6.0  # after a kill -9 another service reads when these are over, and
LOOK_SECONDS = 2.0  # it has looked


class Leases(Protocol):
    """Where leases are kept. See `UpkeepNotes.take`."""

    async def take(self, key: str, holder: str, now: int, until: int, /) -> bool: ...


class Turn(Protocol):
    """What a reader asks before it fetches."""

    async def comes(self, seconds: float, /) -> bool:
        """Whether it is our turn, now or within `seconds`."""


class Always:
    """The turn of an indexer that is alone."""

    async def comes(self, seconds: float) -> bool:
        """Now."""
        return True


class IndexerTurn:
    """`name` is the service's own. Times in Unix ms."""

    def __init__(
        self,
        name: str,
        leases: Leases,
        help_backlog: int,
        now_ms: Callable[[], int],
        lease_seconds: float = LEASE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._name, self._leases, self._help_backlog = name, leases, help_backlog
        self._now_ms, self._lease_seconds, self._look_seconds = now_ms, lease_seconds, look_seconds
        self._ours, self._helping, self._stopped = asyncio.Event(), False, False

    async def comes(self, seconds: float) -> bool:
        """Whether it is our turn, now or within `seconds`."""
        if self._ours.is_set() or self._helping:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._ours.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Take the lease, or look who holds it, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_seconds)

    async def look(self) -> None:
        """Once."""
        if self._stopped:
            return
        now = self._now_ms()
        try:
            ours = await self._leases.take(LEASE, self._name, now, now + int(self._lease_seconds * 1000))
        except BusUnavailable as error:
            log.debug("nobody can say whose turn it is to index: %s", error.detail)
            ours = True
        self._set(ours and not self._stopped)

    def _set(self, ours: bool) -> None:
        if ours and not self._ours.is_set():
            log.info("it is this service's turn to index")
            self._ours.set()
        elif not ours and self._ours.is_set():
            log.info("another service indexes")
            self._ours.clear()

    def heard_backlog(self, events: float) -> None:
        """So many events wait, over all regions; NaN: unknown, which changes nothing."""
        if math.isnan(events):
            return
        # until half of it is left: a service that comes and goes with every event helps nobody
        self._helping = events > (self._help_backlog / 2 if self._helping else self._help_backlog)

    async def pass_on(self) -> None:
        """We index no more: let another begin at once."""
        held, self._stopped = self._ours.is_set(), True
        self._set(False)
        if held:
            now = self._now_ms()
            try:
                await self._leases.take(LEASE, self._name, now, now)
            except BusUnavailable:
                log.debug("the turn to index passes on by itself, with the lease's end")
