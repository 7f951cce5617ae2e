"""From conditions to people: remembers what stands, writes history, and has every channel's post do its turn.

Order matters: what stands is on disk before anybody is told, and so is what he is about to be told.
Only the leader tells. A channel that hangs holds up itself alone: each has a task of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec import Struct

from atoll.bus import BusUnavailable
from atoll.errors import Conflict
from monitor.alert_history import AlertHistory
from monitor.alert_memory import AlertMemory, Remembered
from monitor.alert_orders import Orders
from monitor.alert_post import AlertPost
from monitor.alerts import Alert, alert_of
from monitor.clock import Clock
from monitor.condition_book import Condition
from monitor.levels import LEVELS
from monitor.monitor_bucket import MonitorBucket
from monitor.sample import Sample, Subject, Survey
from monitor.told import Told

log = logging.getLogger(__name__)

LEDGERS = "told"
TURN_SECONDS = 0.25
SHARE_SECONDS = 1.0


class SharedLedgers(Struct, frozen=True):
    """What the leader has told, for whoever leads next; `turn`: how often that changed."""

    told: dict[str, dict[str, Told]] = {}
    turn: int = 0


class AlertDesk:
    """`look` after every look at health; `run` for each post."""

    def __init__(
        self,
        monitor: str,
        posts: Sequence[AlertPost],
        memory: AlertMemory,
        history: AlertHistory,
        bucket: MonitorBucket,
        orders: Callable[[], Orders],
        leads: Callable[[], bool],
        clock: Clock,
        remembered: Remembered,
    ) -> None:
        self.posts = tuple(posts)
        self._monitor, self._memory, self._history, self._bucket = monitor, memory, history, bucket
        self._orders, self._leads, self._clock = orders, leads, clock
        self._standing: tuple[Condition, ...] = remembered.standing
        self._safe: tuple[Condition, ...] = remembered.standing
        self._saving, self._turn = asyncio.Lock(), remembered.turn
        self._adopt(remembered.told)

    async def look(self, standing: Sequence[Condition]) -> None:
        """Take what stands now. Returns once it is remembered, or cannot be."""
        before = {c.key: c for c in self._standing}
        changes = list(_changes(before, standing, self._clock.now_ms(), self._monitor))
        self._standing = tuple(standing)
        if not changes:
            self._safe = self._standing
            return
        for alert in changes:
            worse = LEVELS.index(alert.level) > LEVELS.index(alert.previous)
            level = logging.WARNING if worse else logging.INFO
            log.log(level, "%s: %s", alert.transition, alert.detail, extra={"alert": alert.key})
        await self._save()
        self._safe = tuple(standing)
        await self._history.add(changes)

    async def run(self, post: AlertPost) -> None:
        """One post's work, for ever."""
        while True:
            if self._leads():
                orders, now = self._orders(), self._clock.now_ms
                await post.turn(self._safe, orders, self._monitor, now=now, keep=self._keep)
            else:
                post.rest()
            await asyncio.sleep(TURN_SECONDS)

    async def _keep(self) -> None:
        """A ledger changed. NATS may hang: what people are to be told does not wait for that."""
        self._turn += 1
        await self._save()
        with suppress(TimeoutError):
            async with asyncio.timeout(SHARE_SECONDS):
                await self._share()

    async def take_over(self) -> None:
        """This monitor is about to lead: go on from what the one before has told.

        If that was this one itself, it may have died before it shared what it has on its own disk.
        """
        document = await self._bucket.get(LEDGERS)
        if (shared := document.read(SharedLedgers)) is not None and shared.turn >= self._turn:
            self._turn = shared.turn
            self._adopt(shared.told)

    def _adopt(self, told: dict[str, dict[str, Told]]) -> None:
        for post in self.posts:
            if post.name in told:
                post.ledger = dict(told[post.name])

    async def _save(self) -> None:
        async with self._saving:
            await self._memory.save(Remembered(self._standing, self._ledgers(), self._turn))

    async def _share(self) -> None:
        try:
            document = await self._bucket.get(LEDGERS)
            await self._bucket.put(LEDGERS, SharedLedgers(self._ledgers(), self._turn), document.revision)
        except (BusUnavailable, Conflict) as error:  # with the next that is told
            log.debug("the ledgers are not shared: %s", error.detail)

    def _ledgers(self) -> dict[str, dict[str, Told]]:
        return {post.name: post.ledger for post in self.posts}

    def survey(self) -> Survey:
        """How long alerts have waited for each channel."""
        samples = tuple(
            Sample(
                "atoll_monitor_undelivered_seconds",
                Subject("channel", post.name),
                post.waiting_seconds if post.error else 0.0,
                note=post.error or "",
            )
            for post in self.posts
        )
        return Survey(samples, frozenset(sample.subject for sample in samples))


def _changes(
    before: dict[str, Condition], standing: Sequence[Condition], now_ms: int, monitor: str
) -> list[Alert]:
    here = {condition.key for condition in standing}
    ended = [alert_of(c, c.level, "cleared", now_ms, monitor) for key, c in before.items() if key not in here]
    found = []
    for condition in standing:
        known = before.get(condition.key)
        if known is None:
            found.append(alert_of(condition, "ok", "raised", now_ms, monitor))
        elif known.level != condition.level:
            found.append(alert_of(condition, known.level, "changed", now_ms, monitor))
    return ended + found
