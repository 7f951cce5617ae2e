"""The state of every node, region, set, engine and service in a word, with reasons and since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

from atoll.node_api import rfc3339
from monitor.clock import Clock
from monitor.condition_book import Condition
from monitor.sample import SCOPES, Scope, Subject, Survey

SubjectState = Literal["healthy", "warning", "critical", "unknown"]


class StateView(Struct, frozen=True):
    """One subject. `unknown`: nothing is heard of it and nothing stands; `seconds` it has been so."""

    scope: Scope
    name: str
    state: SubjectState
    since: str
    seconds: float
    flapping: bool
    reasons: tuple[str, ...]


class _Standing(NamedTuple):
    state: SubjectState
    since_ms: int


class StateBook:
    """Remembers since when each subject is what it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._standing: dict[Subject, _Standing] = {}
        self._reasons: dict[Subject, list[Condition]] = {}

    def update(self, survey: Survey, conditions: Iterable[Condition], unknown: frozenset[Subject]) -> None:
        """Take what stands now. `unknown`: subjects that nobody has heard of lately."""
        self._reasons = {}
        for condition in conditions:
            self._reasons.setdefault(condition.subject, []).append(condition)
        states = {subject: self._state(subject, unknown) for subject in survey.present}
        self._standing = {subject: self._since(subject, state) for subject, state in states.items()}

    def _state(self, subject: Subject, unknown: frozenset[Subject]) -> SubjectState:
        levels = {condition.level for condition in self._reasons.get(subject, ())}
        if "critical" in levels:
            return "critical"
        if "warning" in levels:
            return "warning"
        return "unknown" if subject in unknown else "healthy"

    def _since(self, subject: Subject, state: SubjectState) -> _Standing:
        known = self._standing.get(subject)
        return known if known and known.state == state else _Standing(state, self._clock.now_ms())

    def view(self) -> list[StateView]:
        """All of them: by scope, then by name."""
        subjects = sorted(self._standing, key=lambda s: (SCOPES.index(s.scope), s.name))
        return [self._view(subject, self._standing[subject]) for subject in subjects]

    def _view(self, subject: Subject, standing: _Standing) -> StateView:
        conditions = self._reasons.get(subject, [])
        return StateView(
            subject.scope,
            subject.name,
            standing.state,
            rfc3339(standing.since_ms),
            max(0, self._clock.now_ms() - standing.since_ms) / 1000,
            any(condition.flapping for condition in conditions),
            tuple(condition.detail for condition in conditions),
        )
