"""The scrubber: reads every blob held again within the period, the one read longest ago first.

The loop only; scrub_reading.py has its thread and pace, scrub_notes.py what it remembers. A copy that proves
bad goes the way of one that a reader found bad: quarantine.py, then repair.py. What was read is written
down in batches; a crash costs a batch read twice, never one left out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

from atoll.errors import AtollError
from atoll.heartbeat import ScrubFacts
from atoll.scrub_api import ScrubStatus
from storage_node.disk_probe import DiskHealth
from storage_node.index import HeldBlob, Index
from storage_node.origin import Origin
from storage_node.quarantine import Verdict
from storage_node.scrub_look import Decoding
from storage_node.scrub_notes import ScrubNotes
from storage_node.scrub_reading import Circumstances, PacedReading
from storage_node.scrub_rows import Checked, Place, Standing, checked, longest_unread, place_of, standing
from storage_node.verified_read import BadCopy

log = logging.getLogger(__name__)

PAGE = 32  # blobs taken from the index, and written down, at once
_STOCK_SECONDS = 30.0  # between two looks at what is left
_REST_SECONDS = 10.0  # when nothing is due, or something fails
_DECODE_BELOW = 0.5  # load


class Scrubber:
    """`judge` decides what becomes of a bad copy; `load` and `held` (blobs, bytes) are as last measured.

    `removed`: the node does not belong to the cluster any more, and its data are left alone.
    `reading` makes the thread's side, which asks the scrubber for its circumstances.
    """

    def __init__(
        self,
        origin: Origin,
        index: Index,
        judge: Callable[[BadCopy], Awaitable[Verdict]],
        decoding: Decoding,
        disk: DiskHealth,
        load: Callable[[], float],
        held: Callable[[], tuple[int, int]],
        removed: Callable[[], bool],
        reading: Callable[[Callable[[], Circumstances]], PacedReading],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._origin, self._index, self._judge, self._decoding = origin, index, judge, decoding
        self._disk, self._load, self._held, self._clock = disk, load, held, clock
        self._removed = removed
        self.reading = reading(self.circumstances)
        self._notes = ScrubNotes(index, origin)
        self._standing = Standing(0, 0, 0, 0)
        self._stock_at: float | None = None
        self._behind = Place()
        self._done: list[Checked] = []
        self._turned = asyncio.Event()
        self._state: Literal["reading", "resting", "waiting"] = "waiting"
        self.blobs = self.bad = self.decoded = 0

    def circumstances(self) -> Circumstances:
        """What the pace follows; from any thread."""
        return Circumstances(self._load(), *self._held(), self.oldest_seconds)

    @property
    def oldest_seconds(self) -> float:
        """How long ago the blob was read that was read longest ago; the whole period where nobody knows."""
        oldest, known = self._standing.oldest, 0.0
        if oldest:
            known = max(0.0, (self._origin.now_ms() - oldest) / 1000)
        return max(known, self.reading.pace.period) if self._standing.undated else known

    @property
    def facts(self) -> ScrubFacts:
        """For the heartbeat."""
        stock, memory = self._standing, self._notes.memory
        return ScrubFacts(
            oldest_verified_at=stock.oldest,
            progress=round(1 - stock.left / stock.blobs, 4) if stock.blobs else 1.0,
            overdue=stock.overdue,
            bad=self.bad,
            unreadable=len(memory.unreadable),
            paused=memory.paused,
        )

    def status(self) -> ScrubStatus:
        """For people."""
        memory = self._notes.memory
        return ScrubStatus(
            node=self._origin.node,
            state="paused" if memory.paused else self._state,
            facts=self.facts,
            period_seconds=self.reading.pace.period,
            rate=round(self.reading.rate, 1),
            round_started_at=memory.round_at,
            blobs=self.blobs,
            bytes=self.reading.bytes,
            decoded=self.decoded,
            unreadable=memory.unreadable,
        )

    async def pause(self, paused: bool) -> None:
        """Pause or go on; durable when this returns. What is being read is read to its end."""
        await self._notes.pause(paused)
        self._turned.set()

    async def run(self) -> None:
        """Scrub until cancelled. An error costs a rest, not the scrubber."""
        await self.reading.run(self._notes.load)
        while True:
            try:
                rest = await self._work()
            except AtollError as error:
                log.warning("scrubbing rests: %s", error.detail)
                rest = _REST_SECONDS
            if rest:
                await self._sleep(rest)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._turned.wait()
        except TimeoutError:
            return
        self._turned.clear()

    @property
    def _idle(self) -> float:
        return min(_REST_SECONDS, self.reading.pace.rest)

    def _may_not(self) -> bool:
        return self._notes.memory.paused or self._disk.failing or self._removed()

    async def _work(self) -> float:
        """One page of blobs, or none; how long to rest then, in seconds."""
        if not self._disk.failing:
            await self._take_stock(min(_STOCK_SECONDS, self.reading.pace.rest))
        if self._may_not():
            self._state = "waiting"
            return self._idle
        page = await self._page()
        if not page:
            self._behind, self._state = Place(), "resting"
            return self._idle
        self._state = "reading"
        await self._begin_round()
        try:
            await self._read_page(page)
        finally:
            await self._write_down()
        return 0.0

    async def _page(self) -> list[HeldBlob]:
        now = self._origin.now_ms()
        look = longest_unread(self._behind, now - round(self.reading.pace.rest * 1000), now, PAGE)
        return await self.reading.run(partial(self._index.read, look))

    async def _read_page(self, page: list[HeldBlob]) -> None:
        for held in page:
            if self._may_not():
                return
            self._behind = place_of(held)  # also when it fails: it must not hold up the others
            await self._scrub(held)

    async def _take_stock(self, age: float) -> None:
        """Count what is left, unless that was done less than `age` seconds ago."""
        now = self._clock()
        if self._stock_at is not None and now - self._stock_at < age:
            return
        self._stock_at = now
        wall = self._origin.now_ms()
        round_at = min(self._notes.memory.round_at, wall)
        look = standing(round_at, wall - round(self.reading.pace.period * 1000), wall)
        self._standing = await self.reading.run(partial(self._index.read, look))

    async def _begin_round(self) -> None:
        """When the last round left nothing, or began with a clock that was ahead, there is a new one."""
        ahead = self._notes.memory.round_at > self._origin.now_ms()
        if self._standing.left and not ahead:
            return
        await self._take_stock(0)
        if ahead or not self._standing.left:
            await self._notes.begin_round(await self.reading.run(self._notes.still_held))
            await self._take_stock(0)

    async def _scrub(self, held: HeldBlob) -> None:
        try:
            await self.reading.run(partial(self.reading.read, held))
        except BadCopy as bad:
            self.bad += await self._judge(bad) is Verdict.QUARANTINED
            return
        blob = held.blob
        self._done.append(Checked(blob.bucket, blob.sha256, held.fsynced_at, self._origin.now_ms()))
        self.blobs += 1
        await self._decode(held)

    async def _decode(self, held: HeldBlob) -> None:
        known = self._notes.knows(held)
        if not (self._decoding.chosen() or known) or self._load() > _DECODE_BELOW:
            return
        fault = await self.reading.run(partial(self._decoding.fault, held))
        if fault is None:
            return
        self.decoded += 1
        if fault or known:
            await self._notes.looked_at(held, fault)

    async def _write_down(self) -> None:
        done, self._done = self._done, []
        if done:
            await asyncio.wrap_future(self._index.write(checked(done, self._origin.now_ms())))
            self._standing = self._standing._replace(left=max(0, self._standing.left - len(done)))
