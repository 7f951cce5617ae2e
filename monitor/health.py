"""The health of everything: surveys in, conditions and states out, once per look.

Owns no figure itself: `sources` are asked for theirs, the rules judge, the books remember. Each look is
also what the dead-man's switch goes by (`looked_at`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from monitor.clock import Clock
from monitor.condition_book import Condition, ConditionBook
from monitor.sample import Subject, Survey, together
from monitor.states import StateBook, StateView

Source = Callable[[], Survey]


class Health:
    """`look` is called by the monitor's loop; everything else reads what the last look found."""

    def __init__(
        self,
        sources: Sequence[Source],
        unknown: Callable[[], frozenset[Subject]],
        book: ConditionBook,
        clock: Clock,
        told: Callable[[list[Condition]], Awaitable[None]],
    ) -> None:
        """`told` is awaited with what stands after each look."""
        self._sources, self._unknown, self._clock, self._told = sources, unknown, clock, told
        self.book = book
        self.states = StateBook(clock)
        self.looked_at = float("-inf")

    async def run(self, seconds: float) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(seconds)

    async def look(self) -> None:
        """One look at everything."""
        survey = self.measure()
        self.book.evaluate(survey)
        self.states.update(survey, self.book.standing, self._unknown())
        await self._told(self.book.standing)
        self.looked_at = self._clock.monotonic()

    def measure(self) -> Survey:
        """All figures of this moment."""
        return together([source() for source in self._sources])

    def view(self) -> list[StateView]:
        """The state of every subject."""
        return self.states.view()
