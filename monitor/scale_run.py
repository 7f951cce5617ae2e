"""Grows the cluster: looks, decides, writes it down, asks the provider, waits until the node has joined. I/O.

Only the monitor that leads acts; every one can explain. A turn changes nothing unless NATS keeps it: the
launch is in the shared document, as `asked`, before the provider hears of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from atoll.bus import BusUnavailable
from atoll.errors import Conflict, NotFound
from monitor.clock import Clock
from monitor.sample import Sample, Subject, Survey
from monitor.scale_book import Page, ScaleBook
from monitor.scale_calls import ScaleCalls
from monitor.scale_decide import Verdict, decide
from monitor.scale_facts import Facts
from monitor.scale_instances import Instance, Scaling, asked, is_due, moved_on
from monitor.scale_policy import ScalePolicy

log = logging.getLogger(__name__)

AT_ONCE = 10  # launches that one turn asks for


class ScaleView(Struct, frozen=True):
    """What `atoll scale explain` shows."""

    leads: bool
    dry_run: bool
    policy: dict[str, object]
    verdicts: tuple[Verdict, ...]
    instances: tuple[Instance, ...]


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
        verdicts, new = decide(self._policy, facts, moved, now)
        may_act = self._may_act()
        self._tell(verdicts, aloud=may_act)
        if not may_act:
            return
        due = await self._write_down([*moved, *([] if self._policy.dry_run else new)], page, now)
        if due:
            await self._carry_out(due)

    def _moved(self, one: Instance, facts: Facts, now: int) -> Instance:
        after = moved_on(one, here=facts.here(one.name), now=now, policy=self._policy)
        if after.state != one.state and self._may_act():
            log.info("growth: %s: %s → %s %s", one.name, one.state, after.state, after.error)
        return after

    async def _write_down(self, instances: list[Instance], page: Page, now: int) -> list[Instance]:
        """Those that the provider is to be asked for, once it is durable that it is being asked."""
        due = [] if self._policy.dry_run else [i for i in instances if is_due(i, now)][:AT_ONCE]
        begun = {one.name: asked(one, now) for one in due}
        made = Scaling(tuple(begun.get(one.name, one) for one in instances))
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
            if aloud and (
                known is None
                or not self._told
                or (known.grows, known.blocked == "") != (verdict.grows, verdict.blocked == "")
            ):
                log.info("growth: %s", in_words(verdict), extra={"region": verdict.region})
        self._told = aloud

    async def order(self, name: str, *, again: bool) -> Instance:
        """Of an instance that was given up: try it again, or forget it. `NotFound`, `Conflict`."""
        found = [i for i in (await self._book.read()).scaling.instances if i.name == name]
        if not found:
            raise NotFound("No launch has this name.", name=name[:80])
        if found[0].state != "given_up":
            raise Conflict(f"{name} is {found[0].state}, not given up.", state=found[0].state)
        self._scaling = await self._book.change(lambda scaling: _ordered(scaling, name, again))
        return found[0]

    def view(self) -> ScaleView:
        """Everything, the newest launches first."""
        policy: dict[str, object] = dict(self._policy.region.items())
        newest = sorted(self._scaling.instances, key=lambda i: (-i.decided_at, i.name))
        return ScaleView(
            self._may_act(), self._policy.dry_run, policy, tuple(self._said.values()), tuple(newest)
        )

    def survey(self) -> Survey:
        """Figures of each region of the policy; its subjects are the cluster's."""
        return Survey(tuple(s for v in self._said.values() for s in self._samples(v)), frozenset())

    def _samples(self, verdict: Verdict) -> Iterable[Sample]:
        subject, here = Subject("region", verdict.region), verdict.region
        mine = [i for i in self._scaling.instances if i.region == here]
        troubled = [i for i in mine if i.state == "given_up" or (i.error and i.state != "joined")]
        worst = max((2.0 if i.state == "given_up" else 1.0 for i in troubled), default=0.0)
        note = "; ".join(f"{i.name} (try {i.tries}): {i.error}" for i in troubled)
        yield Sample("atoll_region_launch_trouble", subject, worst, here, note=note)
        blocked = float(bool(verdict.blocked))
        yield Sample("atoll_region_growth_blocked", subject, blocked, here, note=verdict.blocked)


def in_words(verdict: Verdict) -> str:
    """One line for the log."""
    outcome = "nothing to do"
    if verdict.grows:
        outcome = "starts " + ", ".join(verdict.launches)
    elif verdict.blocked:
        outcome = f"cannot grow: {verdict.blocked}"
    return f"{verdict.region}: {outcome} ({'; '.join(verdict.why) or 'no set here'})"


def _with(scaling: Scaling, after: dict[str, Instance]) -> Scaling:
    """The outcomes, but for what another has gone on with meanwhile."""
    now = tuple(
        after[one.name] if one.name in after and one.state == "asked" and one.tries == after[one.name].tries
        else one
        for one in scaling.instances
    )  # fmt: skip
    return Scaling(now)


def _ordered(scaling: Scaling, name: str, again: bool) -> Scaling:
    others = tuple(i for i in scaling.instances if i.name != name)
    if not again:
        return Scaling(others)
    return Scaling(
        tuple(
            replace(i, state="recorded", tries=1, due_at=0) if i.name == name and i.state == "given_up" else i
            for i in scaling.instances
        )
    )
