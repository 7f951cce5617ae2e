"""The workers: each takes the best piece of work, carries it out, and takes the next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from replicator.company import is_small
from replicator.figures import Figures
from replicator.gate import NodeGate
from replicator.mends import Mends
from replicator.own_node import NodeAway
from replicator.parking import Parking
from replicator.pulls import Pulls
from replicator.tombstones import Tombstones
from replicator.wanted_pulls import WantedPulls
from replicator.window import Window
from replicator.work import Deleted, Mend, Poison, Stored, Wanted, Work

log = logging.getLogger(__name__)


class Workers:
    """What all workers share; as many as run `work` at once are the bound on parallel orders."""

    def __init__(
        self,
        window: Window,
        gate: NodeGate,
        pulls: Pulls,
        tombstones: Tombstones,
        parking: Parking,
        wanted: WantedPulls,
        mends: Mends,
        figures: Figures,
        together: int,
    ) -> None:
        """`together`: how many small images that wait may go in one order."""
        self._window, self._gate, self._figures = window, gate, figures
        self._pulls, self._tombstones, self._parking = pulls, tombstones, parking
        self._wanted, self._mends = wanted, mends
        self._together = together

    async def work(self) -> None:
        """Until the window is closed; what is under way then is finished."""
        while (work := await self._window.take()) is not None:
            with self._figures.in_flight.track_inprogress():
                if isinstance(work, Stored):
                    await self._uploads(work)
                else:
                    await self._one(work, partial(self._carry_out, work))

    async def _uploads(self, first: Stored) -> None:
        """One, or as many small ones as wait: each order costs both sides more than another image in it."""
        works = [first]
        if is_small(first):
            alike = self._window.take_small(self._together - 1)
            works += [work for work in alike if isinstance(work, Stored)]
        try:
            with self._window.ordered(first):
                outcomes = await self._pulls.order(works)
        except Exception as error:  # the loop's edge: as in `_one`
            log.exception("these pulls could not be ordered for an unforeseen reason")
            for work in works:
                await self._put_aside(work, error)
            return
        for work, outcome in zip(works, outcomes, strict=True):
            await self._one(work, partial(self._pulls.settle, work, outcome))

    async def _one(self, work: Work, carry_out: Callable[[], Awaitable[None]]) -> None:
        try:
            await carry_out()
        except NodeAway as error:
            self._window.put(work)  # before the next is fetched: it keeps its place
            self._gate.shut(error.detail)
        except Exception as error:  # the loop's edge: a bug with one message must not stop all the others
            log.exception("this piece of work failed in an unforeseen way")
            await self._put_aside(work, error)
        else:
            if not isinstance(work, Poison):  # the node has no part in parking
                self._gate.worked()

    async def _carry_out(self, work: Deleted | Poison | Wanted | Mend) -> None:
        match work:
            case Deleted():
                await self._tombstones.carry_out(work)
            case Poison(reason=reason, delivery=delivery):
                await self._parking.park(delivery, reason)
            case Wanted():
                await self._wanted.carry_out(work)
            case Mend():
                await self._mends.carry_out(work)

    async def _put_aside(self, work: Work, error: Exception) -> None:
        match work:
            case Wanted(done=done) if not done.done():
                done.set_result("unnoted")
            case Mend(done=done) if not done.done():
                done.set_result("failed")
            case Stored() | Deleted() | Poison():
                await self._parking.park(work.delivery, f"bug: {error!r}")
