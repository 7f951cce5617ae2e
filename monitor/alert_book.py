"""Which capacity alerts stand, and what changes: each transition comes out exactly once. Pure.

Owns the level of every subject that is not ok. After a restart it is given the alerts that stood before:
hysteresis goes on from their levels, those that still stand are announced once more (who listens may have
missed them), those that ended meanwhile are cleared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set

from msgspec.structs import replace

from monitor.alerts import CapacityAlert, transition_of
from monitor.capacity import Reading, Subject
from monitor.hysteresis import Level, Thresholds, next_level


class AlertBook:
    """The alerts that stand now."""

    def __init__(
        self,
        thresholds: Thresholds,
        monitor: str,
        new_id: Callable[[], str],
        remembered: Iterable[CapacityAlert] = (),
    ) -> None:
        self._thresholds, self._monitor, self._new_id = thresholds, monitor, new_id
        self._standing = {alert.subject: alert for alert in remembered}
        self._unannounced = set(self._standing)

    @property
    def standing(self) -> list[CapacityAlert]:
        """Every alert that is not cleared, with the latest figures; by scope and name."""
        return [self._standing[subject] for subject in sorted(self._standing)]

    def level(self, subject: Subject) -> Level:
        """The level of a node or set now."""
        alert = self._standing.get(subject)
        return alert.level if alert else "ok"

    def evaluate(
        self, readings: Iterable[Reading], present: Set[Subject], now_ms: int
    ) -> list[CapacityAlert]:
        """The transitions that follow from these readings. A subject that is not `present` is gone for good.

        One that is present without a reading (nothing heard since a restart) stays as it was.
        """
        stepped = [self._step(reading, now_ms) for reading in readings]
        gone = [self._clear_gone(subject, now_ms) for subject in sorted(set(self._standing) - present)]
        return [alert for alert in stepped if alert] + gone

    def _step(self, reading: Reading, now_ms: int) -> CapacityAlert | None:
        subject = reading.subject
        previous = self.level(subject)
        level = next_level(previous, reading.used_percent, self._thresholds)
        if level == "ok" == previous:
            return None
        alert = self._alert(reading, previous, level, now_ms)
        known = self._standing.get(subject)
        if level == "ok":
            del self._standing[subject]
        elif known and level == previous and subject not in self._unannounced:
            self._standing[subject] = _with_figures(known, reading)
            return None
        else:
            self._standing[subject] = alert
        self._unannounced.discard(subject)
        return alert

    def _alert(self, reading: Reading, previous: Level, level: Level, now_ms: int) -> CapacityAlert:
        known = self._standing.get(reading.subject)
        again = level == previous  # stood before a restart: to whom listens now it is raised
        threshold = self._thresholds.starts_at(previous if level == "ok" else level)
        return CapacityAlert(
            id=known.id if known else self._new_id(),
            scope=reading.subject.scope,
            name=reading.subject.name,
            region=reading.region,
            set=reading.set,
            transition=transition_of("ok" if again else previous, level),
            level=level,
            previous="ok" if again else previous,
            used_percent=reading.used_percent,
            threshold_percent=threshold,
            bytes_total=reading.bytes_total,
            bytes_free=reading.bytes_free,
            since=known.since if known else now_ms,
            at=now_ms,
            monitor=self._monitor,
            detail=f"{reading.subject.scope} {reading.subject.name} is {reading.used_percent:g} % full "
            f"({level}; {previous if level == 'ok' else level} begins at {threshold:g} %)",
        )

    def _clear_gone(self, subject: Subject, now_ms: int) -> CapacityAlert:
        known = self._standing.pop(subject)
        self._unannounced.discard(subject)
        detail = f"{subject.scope} {subject.name} is no longer part of the cluster"
        return replace(
            known, transition="cleared", level="ok", previous=known.level, at=now_ms, detail=detail
        )


def _with_figures(alert: CapacityAlert, reading: Reading) -> CapacityAlert:
    return replace(
        alert,
        used_percent=reading.used_percent,
        bytes_total=reading.bytes_total,
        bytes_free=reading.bytes_free,
    )
