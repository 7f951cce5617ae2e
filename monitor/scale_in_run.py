"""Has nodes leave that the shared document says shall leave, step by step. I/O.

Only the monitor that leads acts; each step is harmless to repeat (scale_in_calls.py), so one that takes over
goes on from what is written. Its own task, because a proof that all is elsewhere may take a minute, and
growth must not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from atoll.bus import BusUnavailable
from atoll.errors import Conflict
from monitor.scale_book import ScaleBook
from monitor.scale_departures import OPEN, Departure
from monitor.scale_in_calls import LeaveCalls
from monitor.scale_instances import Scaling

log = logging.getLogger(__name__)

AT_ONCE = 10  # departures that one turn goes on with


class Leaver:
    """`turn` takes every departure one step further."""

    def __init__(self, book: ScaleBook, calls: LeaveCalls, may_act: Callable[[], bool]) -> None:
        self._book, self._calls, self._may_act = book, calls, may_act

    async def run(self, every: float) -> None:
        """For ever."""
        while True:
            try:
                await self.turn()
            except (BusUnavailable, Conflict) as error:
                log.debug("departures wait: %s", error.detail)
            await asyncio.sleep(every)

    async def turn(self) -> None:
        """One step of each."""
        if not self._may_act():
            return
        going = [d for d in (await self._book.read()).scaling.departures if d.state in OPEN][:AT_ONCE]
        stepped = await asyncio.gather(*(self._calls.step(one) for one in going))
        moved = [(one, after) for one, after in zip(going, stepped, strict=True) if after != one]
        if not moved:
            return
        await self._book.change(lambda scaling: stepped_on(scaling, moved))
        for one, after in moved:
            if after.state != one.state:
                log.info(
                    "growth: %s: %s → %s %s", one.name, one.state, after.state, after.error or after.waits
                )


def stepped_on(scaling: Scaling, moved: Sequence[tuple[Departure, Departure]]) -> Scaling:
    """With these steps, but for departures that were changed meanwhile; a node that is gone is no launch."""
    after = {(one.name, one.decided_at): (one, new) for one, new in moved}

    def now(one: Departure) -> Departure:
        before, new = after.get((one.name, one.decided_at), (one, one))
        return new if one == before else one

    departures = tuple(now(one) for one in scaling.departures)
    gone = {one.name for one in departures if one.state in {"removed", "ended", "given_up"}}
    instances = tuple(one for one in scaling.instances if one.name not in gone)
    return replace(scaling, instances=instances, departures=departures)
