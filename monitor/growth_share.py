"""The history of growth, shared: so that a monitor that has just begun knows what the leader knows. I/O.

Every monitor hears every heartbeat and keeps its own history. What it did not hear, because it was not there,
comes from here: the leader writes its history, thinned to what one document holds, and the others take from
it what is older than their own. So the one that takes over foretells at once, not after days.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct

from atoll.bus import BusUnavailable
from atoll.errors import Conflict
from monitor.clock import Clock
from monitor.forecast import Point
from monitor.growth_history import GrowthHistory
from monitor.monitor_bucket import MonitorBucket
from monitor.thinning import thinned

log = logging.getLogger(__name__)

KEY = "growth"
SHARE_SECONDS = 300.0
LOOK_SECONDS = 1.0
NEVER = float("-inf")
POINTS = 20_000  # in one document: below 800 kB of JSON
MIN_POINTS, MAX_POINTS = 8, 200  # of a series: a forecast needs eight


class SharedGrowth(Struct, frozen=True):
    """The document. Series by name, as in growth_history.py."""

    series: dict[str, list[Point]]


class GrowthShare:
    """`taken` is called when something was learnt."""

    def __init__(
        self,
        bucket: MonitorBucket,
        history: GrowthHistory,
        leads: Callable[[], bool],
        taken: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._bucket, self._history, self._leads, self._taken = bucket, history, leads, taken
        self._clock = clock
        self._at, self._led = NEVER, False

    async def run(self) -> None:
        """Take at once, as soon as NATS answers, and give as soon as it leads; both again now and then."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_SECONDS)

    async def turn(self) -> None:
        """One look at whether it is time. Nothing is given before what there was is known."""
        now, leads = self._clock.monotonic(), self._leads() and self._at != NEVER
        if leads == self._led and now - self._at < SHARE_SECONDS:
            return
        if await self._tried(self.give if leads else self.take):
            self._at, self._led = now, leads

    async def _tried(self, act: Callable[[], Awaitable[None]]) -> bool:
        try:
            await act()
        except (BusUnavailable, Conflict) as error:
            log.debug("the history of growth is not shared now: %s", error.detail)
            return False
        return True

    async def take(self) -> None:
        """Learn what is older than one's own."""
        document = (await self._bucket.get(KEY)).read(SharedGrowth)
        if document is not None and self._history.learn(document.series, self._clock.now_ms() / 1000):
            self._taken()

    async def give(self) -> None:
        """Write one's own, in the place of what was there."""
        revision = (await self._bucket.get(KEY)).revision
        await self._bucket.put(KEY, SharedGrowth(self.thinned()), revision)

    def thinned(self) -> dict[str, list[Point]]:
        """Every series with as many points as all together may have; the longest known first."""
        series = self._history.series()
        names = sorted(series, key=lambda name: series[name][0].at)[: POINTS // MIN_POINTS]
        most = max(MIN_POINTS, min(MAX_POINTS, POINTS // max(1, len(names))))
        return {name: thinned(series[name], most) for name in names}
