"""The orders and the presence of all monitors, read from the shared bucket every second. I/O."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from atoll.bus import BusUnavailable
from atoll.errors import Conflict
from monitor.alert_orders import Orders
from monitor.clock import Clock
from monitor.monitor_bucket import MonitorBucket
from monitor.sample import Sample, Subject, Survey

log = logging.getLogger(__name__)

ORDERS, PRESENCE = "orders", "presence"
POLL_SECONDS = 1.0
SAY_SECONDS = 3.0  # how often a monitor says that it is there
SILENT_SECONDS = 10.0
FORGET_SECONDS = 86_400.0
TRIES = 5


class Presence(Struct, frozen=True):
    """How often each monitor has said that it is there: a count, so that no clocks are compared."""

    said: dict[str, int] = {}


class SharedOrders:
    """`current` is what is ordered; `change` orders something else."""

    def __init__(self, name: str, bucket: MonitorBucket, connected: Callable[[], bool], clock: Clock) -> None:
        self._name, self._bucket, self._connected, self._clock = name, bucket, connected, clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._said = float("-inf")
        self.current = Orders()

    async def run(self) -> None:
        """Read for ever; at an ordered end say goodbye, so that nobody misses us."""
        try:
            while True:
                await self.turn()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            if self._connected():
                await self._presence(leaving=True)

    async def turn(self) -> None:
        """One look."""
        if not self._connected():
            return
        try:
            document = await self._bucket.get(ORDERS)
            self.current = document.read(Orders) or Orders()
        except BusUnavailable as error:
            log.debug("the orders cannot be read: %s", error.detail)
            return
        await self._presence()

    async def change(self, make: Callable[[Orders], Orders]) -> Orders:
        """What `make` makes of the orders as they are, for all monitors. `Conflict`, `BusUnavailable`."""
        for _ in range(TRIES):
            document = await self._bucket.get(ORDERS)
            made = make(document.read(Orders) or Orders())
            try:
                await self._bucket.put(ORDERS, made, document.revision)
            except Conflict:
                continue
            self.current = made
            return made
        raise Conflict("The orders are being changed by others all the time; try again.")

    async def _presence(self, *, leaving: bool = False) -> None:
        now = self._clock.monotonic()
        try:
            document = await self._bucket.get(PRESENCE)
            presence = document.read(Presence) or Presence()
            self._take(presence, now)
            if leaving or now - self._said >= SAY_SECONDS:
                await self._bucket.put(PRESENCE, self._with_me(presence, leaving), document.revision)
                self._said = now
        except (BusUnavailable, Conflict) as error:  # another was faster: with the next look
            log.debug("presence: %s", error.detail)

    def _with_me(self, presence: Presence, leaving: bool) -> Presence:
        known = {name: count for name, count in presence.said.items() if name in self._seen}
        known[self._name] = known.get(self._name, 0) + 1
        if leaving:
            del known[self._name]
        return replace(presence, said=known)

    def _take(self, presence: Presence, now: float) -> None:
        seen = {}
        for name, count in presence.said.items():
            known = self._seen.get(name)
            fresh = known is None or known[0] != count
            at = now if fresh or known is None else known[1]
            if now - at < FORGET_SECONDS:
                seen[name] = (count, at)
        self._seen = seen

    def survey(self) -> Survey:
        """Which monitors are there."""
        samples = tuple(self._samples())
        return Survey(samples, frozenset(sample.subject for sample in samples), whole=bool(samples))

    def _samples(self) -> Iterator[Sample]:
        now = self._clock.monotonic()
        for name, (_, at) in sorted(self._seen.items()):
            up = name == self._name or now - at < SILENT_SECONDS
            yield Sample("atoll_monitor_up", Subject("monitor", name), float(up))
