"""From a figure to a level that does not flap. Pure; times are monotonic seconds.

Three things keep it calm: a level ends only some way beyond where it began (hysteresis); beginning and
ending both take a while; and what has changed `changes` times within `window` seconds is flapping: it keeps
its worst level until it has been quiet for `calm` seconds, so that it is told once and not twenty times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from monitor.levels import LEVELS, Level
from monitor.limits import Damping
from monitor.rules import Rule


def raw_level(rule: Rule, value: float, now: Level) -> Level:
    """The level that `value` alone asks for, given the level that held before it."""
    for level in reversed(LEVELS):
        start = rule.threshold(level)
        if start is None:
            continue
        held = LEVELS.index(level) <= LEVELS.index(now)
        if _begun(rule, value, start) or (held and not _ended(rule, value, start)):
            return level
    return "ok"


def _begun(rule: Rule, value: float, start: float) -> bool:
    return value >= start if rule.side == "above" else value < start


def _ended(rule: Rule, value: float, start: float) -> bool:
    """Nine digits: 0.80 - 0.03 must be 0.77."""
    if rule.side == "above":
        return value <= round(start - rule.clear, 9)
    return value >= round(start + rule.clear, 9)


@dataclass
class DampedLevel:
    """One rule's level for one subject. `level` is what is told, `raw` what the last figure asked for."""

    level: Level = "ok"
    raw: Level = "ok"
    raw_since: float = 0.0
    changes: deque[float] = field(default_factory=lambda: deque(maxlen=32))

    def step(self, rule: Rule, value: float, now: float, damping: Damping) -> bool:
        """Take a figure; whether `level` changed."""
        raw = raw_level(rule, value, self.raw)
        if raw != self.raw:
            self.raw, self.raw_since = raw, now
            self.changes.append(now)
        if self.raw == self.level or now - self.raw_since < self._patience(rule, now, damping):
            return False
        self.level = self.raw
        return True

    def flapping(self, now: float, damping: Damping) -> bool:
        """Whether it has changed too often lately."""
        recent = sum(now - at < damping.window for at in self.changes)
        return recent >= damping.changes

    def idle(self, now: float, damping: Damping) -> bool:
        """Whether nothing needs to be remembered of it."""
        quiet = not self.changes or now - self.changes[-1] >= damping.window
        return self.level == self.raw == "ok" and quiet

    def _patience(self, rule: Rule, now: float, damping: Damping) -> float:
        if LEVELS.index(self.raw) > LEVELS.index(self.level):
            return rule.for_seconds
        return damping.calm if self.flapping(now, damping) else rule.keep_seconds
