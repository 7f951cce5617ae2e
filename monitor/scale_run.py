"""Grows the cluster: looks, decides, writes it down, asks the provider, waits until the node has joined. I/O.

Only the monitor that leads acts; every one can explain. A turn changes nothing unless NATS keeps it: the
launch is in the shared document, as `asked`, before the provider hears of it. Who leaves is decided here too,
so that no two decisions cross; scale_in_run.py carries it out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from atoll.bus import BusUnavailable
from atoll.errors import Conflict
from monitor.clock import Clock
from monitor.sample import Survey
from monitor.scale_book import Page, ScaleBook
from monitor.scale_calls import ScaleCalls
from monitor.scale_decide import Verdict
from monitor.scale_departures import Departure
from monitor.scale_facts import Facts
from monitor.scale_in_rules import Known
from monitor.scale_instances import Instance, Scaling, asked, is_due, moved_on
from monitor.scale_orders import Ordered, again, find, forgotten, leaving
from monitor.scale_plan import planned
from monitor.scale_policy import ScalePolicy
from monitor.scale_view import ScaleView, in_words, newest, outcome, samples

log = logging.getLogger(__name__)

AT_ONCE = 10  # launches that one turn asks for


class Scaler:
    """`turn` is one look; `view` and `survey` say what it found."""

    def __init__(
        self,
        policy: ScalePolicy,
        book: ScaleBook,
        calls: ScaleCalls,
        facts: Callable[[], Facts],
        may_act: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._policy, self._book, self._calls = policy, book, calls
        self._facts, self._may_act, self._clock = facts, may_act, clock
        self._said: dict[str, Verdict] = {}
        self._told = False  # whether the last verdicts were acted upon
        self._scaling = Scaling()

    async def run(self, every: float) -> None:
        """For ever."""
        while True:
            try:
                await self.turn()
            except (BusUnavailable, Conflict) as error:
                log.debug("growth waits: %s", error.detail)
            await asyncio.sleep(every)

    async def turn(self) -> None:
        """One look, and one round with the provider if something is due."""
        page = await self._book.read()
        self._scaling = page.scaling
        facts, now = self._facts(), self._clock.now_ms()
        moved = [self._moved(one, facts, now) for one in page.scaling.instances]
        plan = planned(self._policy, facts, Known(moved, page.scaling.departures), now)
        may_act = self._may_act()
        self._tell(plan.verdicts, aloud=may_act)
        if not may_act:
            return
        kept = replace(page.scaling, instances=tuple(moved)) if self._policy.dry_run else plan.scaling
        due = await self._write_down(kept, page, now)
        if due:
            await self._carry_out(due)

    def _moved(self, one: Instance, facts: Facts, now: int) -> Instance:
        here, mapped = facts.here(one.name), facts.mapped(one.name)
        after = moved_on(one, here=here, now=now, policy=self._policy, mapped=mapped)
        if after.state != one.state and self._may_act():
            log.info("growth: %s: %s → %s %s", one.name, one.state, after.state, after.error)
        return after

    async def _write_down(self, scaling: Scaling, page: Page, now: int) -> list[Instance]:
        """Those that the provider is to be asked for, once it is durable that it is being asked."""
        due = [] if self._policy.dry_run else [i for i in scaling.instances if is_due(i, now)][:AT_ONCE]
        begun = {one.name: asked(one, now) for one in due}
        made = replace(scaling, instances=tuple(begun.get(one.name, one) for one in scaling.instances))
        if made != page.scaling:
            await self._book.write(made, page.revision)
            self._scaling = made
        return list(begun.values())

    async def _carry_out(self, due: Iterable[Instance]) -> None:
        tried = await asyncio.gather(*(self._calls.attempt(one) for one in due))
        after = {one.name: one for one in tried}
        self._scaling = await self._book.change(lambda scaling: _with(scaling, after))

    def _tell(self, verdicts: Iterable[Verdict], *, aloud: bool) -> None:
        """Remember them; of those that are acted upon, into the log what differs in more than its figures."""
        for verdict in verdicts:
            known = self._said.get(verdict.region)
            self._said[verdict.region] = verdict
            if aloud and (known is None or not self._told or outcome(known) != outcome(verdict)):
                log.info("growth: %s", in_words(verdict), extra={"region": verdict.region})
        self._told = aloud

    async def order(self, name: str, *, retry: bool, dry_run: bool = False) -> Ordered:
        """Of what was given up or refused: try it again, or forget it. `NotFound`, `Conflict`."""
        found = find((await self._book.read()).scaling, name)
        make = self._retried(name) if retry else lambda scaling: forgotten(scaling, name)
        make((await self._book.read()).scaling)  # whether it may be done
        if not dry_run:
            self._scaling = await self._book.change(make)
        return found

    def _retried(self, name: str) -> Callable[[Scaling], Scaling]:
        return lambda scaling: again(scaling, name, self._clock.now_ms())

    async def leave(self, name: str, *, dry_run: bool = False) -> list[Departure]:
        """Have a node, or a whole set, leave; those who do. `NotFound`, or `Conflict` with why not."""
        facts, now = self._facts(), self._clock.now_ms()
        page = await self._book.read()
        made, gone = leaving(page.scaling, name, self._policy, facts, now)
        if dry_run:
            return gone
        if self._policy.dry_run:
            raise Conflict("The policy says dry_run: nothing is started and nothing leaves.")
        await self._book.write(made, page.revision)
        self._scaling = made
        log.info("growth: %s leaves, ordered by hand", ", ".join(one.name for one in gone))
        return gone

    @property
    def known(self) -> Known:
        """All that was ordered, as last read."""
        return Known(self._scaling.instances, self._scaling.departures)

    def view(self) -> ScaleView:
        """Everything, the newest launches first."""
        policy: dict[str, object] = dict(self._policy.region.items())
        launches, departures = newest(self._scaling)
        verdicts = tuple(self._said.values())
        return ScaleView(self._may_act(), self._policy.dry_run, policy, verdicts, launches, departures)

    def survey(self) -> Survey:
        """Figures of each region of the policy; its subjects are the cluster's."""
        figures = (sample for verdict in self._said.values() for sample in samples(verdict, self._scaling))
        return Survey(tuple(figures), frozenset())


def _with(scaling: Scaling, after: dict[str, Instance]) -> Scaling:
    """The outcomes, but for what another has gone on with meanwhile."""
    now = tuple(
        after[one.name] if one.name in after and one.state == "asked" and one.tries == after[one.name].tries
        else one
        for one in scaling.instances
    )  # fmt: skip
    return replace(scaling, instances=now)
