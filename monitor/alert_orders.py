"""What people order about alerts: acknowledgements and silences. Pure.

An acknowledgement ends with its alert, or when that gets worse than it was: it stops reminders and
escalation, not the notice of a change or an end. Each monitor finds an alert by itself and gives it an id of
its own, so an acknowledgement holds for whatever of that key had begun when it was made. A silence names what
it is about by patterns, for a time: nothing of it is told, all of it is still shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta, Struct

from atoll.model import Milliseconds
from monitor.condition_book import Condition
from monitor.levels import LEVELS, Level

MAX_SILENCE_SECONDS = 90 * 86_400
MAX_ORDERS = 500

Pattern = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(max_length=500)]


class Acknowledgement(Struct, frozen=True):
    """Somebody has seen this alert and sees to it."""

    key: str
    id: str
    level: Level
    by: str
    why: str
    at: Milliseconds

    def means(self, condition: Condition) -> bool:
        """Whether it is about this one; the same alert has another id at another monitor."""
        return self.id == condition.id or (self.key == condition.key and condition.since <= self.at)


class Silence(Struct, frozen=True):
    """Nothing is told of what matches, until `until`. Patterns as of a shell: `eu-*`."""

    id: str
    rule: Pattern
    name: Pattern
    region: Pattern
    until: Milliseconds
    by: str
    why: str
    at: Milliseconds

    def covers(self, condition: Condition, now_ms: int) -> bool:
        """Whether it holds for this now."""
        return (
            now_ms < self.until
            and fnmatchcase(condition.rule, self.rule)
            and fnmatchcase(condition.name, self.name)
            and fnmatchcase(condition.region, self.region)
        )


class Orders(Struct, frozen=True):
    """All that is ordered now."""

    acknowledgements: tuple[Acknowledgement, ...] = ()
    silences: tuple[Silence, ...] = ()

    def silenced(self, condition: Condition, now_ms: int) -> Silence | None:
        """The silence that covers it, if one does."""
        return next((s for s in self.silences if s.covers(condition, now_ms)), None)

    def acknowledged(self, condition: Condition) -> Acknowledgement | None:
        """Who has acknowledged it, unless it got worse since."""
        for ack in self.acknowledgements:
            worse = LEVELS.index(condition.level) > LEVELS.index(ack.level)
            if ack.means(condition) and not worse:
                return ack
        return None

    def pruned(self, standing: Iterable[Condition], now_ms: int) -> Orders:
        """Without what is over: silences in the past, acknowledgements of what stands no more."""
        here = {condition.key: condition for condition in standing}
        return Orders(
            tuple(a for a in self.acknowledgements if a.key in here and a.means(here[a.key]))[-MAX_ORDERS:],
            tuple(s for s in self.silences if s.until > now_ms)[-MAX_ORDERS:],
        )
