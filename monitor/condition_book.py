"""What is not as it should be, now: each rule of each subject, its level and since when. Pure.

Owns the damped level of everything that is not at rest. What is gone from the cluster is forgotten; what is
there and gave no figure this time stays as it was: not knowing is no news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from atoll.model import Milliseconds
from monitor.clock import Clock
from monitor.damping import DampedLevel
from monitor.forecast import time_in_words
from monitor.levels import LEVELS, Level
from monitor.limits import Damping
from monitor.rules import Rule
from monitor.sample import Sample, Scope, Subject, Survey


class Condition(Struct, frozen=True):
    """A rule that is broken. `key` names it for ever, `id` this one time; `since`: when it began.

    `settling`: its figure is well again, and it ends when that lasts.
    """

    key: str
    id: str
    rule: str
    scope: Scope
    name: str
    region: str
    set: str
    level: Level
    value: float
    threshold: float
    since: Milliseconds
    changed: Milliseconds
    flapping: bool
    detail: str
    todo: str
    covered: bool = False
    settling: bool = False

    @property
    def subject(self) -> Subject:
        return Subject(self.scope, self.name)


class ConditionBook:
    """Fed by the watch with a survey at a time."""

    def __init__(
        self,
        rules: Sequence[Rule],
        damping: Damping,
        clock: Clock,
        new_id: Callable[[], str],
        remembered: Iterable[Condition] = (),
    ) -> None:
        """`remembered`: what stood when the monitor ended; it goes on from there."""
        self._rules = {rule.name: rule for rule in rules}
        self._by_metric = {(rule.metric, rule.scope): rule for rule in rules}
        self._damping, self._clock, self._new_id = damping, clock, new_id
        self._standing = {c.key: c for c in remembered if c.rule in self._rules}
        self._levels = {key: DampedLevel(c.level, c.level) for key, c in self._standing.items()}
        self._subjects = {key: c.subject for key, c in self._standing.items()}

    @property
    def standing(self) -> list[Condition]:
        """All that is not ok: the most urgent first, then in the table's order, then by name."""
        order = {name: index for index, name in enumerate(self._rules)}
        return sorted(
            self._standing.values(), key=lambda c: (-LEVELS.index(c.level), c.covered, order[c.rule], c.name)
        )

    def evaluate(self, survey: Survey) -> None:
        """Take the figures of one moment."""
        for sample in survey.samples:
            rule = self._by_metric.get((sample.metric, sample.subject.scope))
            if rule is not None:
                self._step(rule, sample)
        if survey.whole:
            self._forget(survey.present)
        self._cover()

    def _step(self, rule: Rule, sample: Sample) -> None:
        key = f"{rule.name}/{sample.subject.scope}/{sample.subject.name}"
        now = self._clock.monotonic()
        damped = self._levels.setdefault(key, DampedLevel(raw_since=now))
        self._subjects[key] = sample.subject
        changed = damped.step(rule, sample.value, now, self._damping)
        if damped.level == "ok":
            self._standing.pop(key, None)
            if damped.idle(now, self._damping):
                del self._levels[key], self._subjects[key]
        elif changed or damped.raw != "ok" or key not in self._standing:
            flapping = damped.flapping(now, self._damping)
            self._standing[key] = self._condition(key, rule, sample, damped.level, flapping)
        else:
            self._standing[key] = replace(self._standing[key], settling=True)

    def _condition(self, key: str, rule: Rule, sample: Sample, level: Level, flapping: bool) -> Condition:
        known, now_ms = self._standing.get(key), self._clock.now_ms()
        said = rule.what.format(
            name=sample.subject.name,
            value=sample.value,
            days=time_in_words(sample.value),
            note=sample.note or "no details",
        )
        return Condition(
            key=key,
            id=known.id if known else self._new_id(),
            rule=rule.name,
            scope=sample.subject.scope,
            name=sample.subject.name,
            region=sample.region or (sample.subject.name if sample.subject.scope == "region" else ""),
            set=sample.set,
            level=level,
            value=sample.value,
            threshold=rule.threshold(level) or 0.0,
            since=known.since if known else now_ms,
            changed=known.changed if known and known.level == level else now_ms,
            flapping=flapping,
            detail=said + (" (it comes and goes)" if flapping else ""),
            todo=rule.todo,
        )

    def _forget(self, present: frozenset[Subject]) -> None:
        for key in [key for key, subject in self._subjects.items() if subject not in present]:
            del self._subjects[key], self._levels[key]
            self._standing.pop(key, None)

    def _cover(self) -> None:
        """Mark what only follows from something larger that stands in the same region."""
        reasons = {(c.rule, c.region) for c in self._standing.values()}
        for key, c in self._standing.items():
            covered = (self._rules[c.rule].covered_by, c.region) in reasons
            if covered != c.covered:
                self._standing[key] = replace(c, covered=covered)
