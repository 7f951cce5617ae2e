"""What the canaries found: region by region, how often, how long, and what went wrong last. Pure.

Loss and staleness are told apart: what was not seen in time has an outcome (canary_sighting.py), what was
not looked for at all grows old (`atoll_canary_missed_rounds`), and neither is taken for the other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.node_api import rfc3339
from monitor.canary_history import HOUR_MS, CanaryHistory
from monitor.canary_sighting import OUTCOMES, Outcome, Sighting
from monitor.clock import Clock
from monitor.sample import Sample, Subject, Survey

KEPT = 60  # sightings of each pair of regions
STALE_ROUNDS = 3.0


@dataclass
class _Pair:
    last: deque[Sighting] = field(default_factory=lambda: deque(maxlen=KEPT))
    tally: Counter[Outcome] = field(default_factory=Counter)


class CanaryBoard(Collector):
    """Owned by the monitor; written by the canary, read by its HTTP and metrics."""

    def __init__(
        self, clock: Clock, history: CanaryHistory, *, seconds: float = 60.0, expected: bool = False
    ) -> None:
        """`expected`: whether canaries are flown at all; `seconds`: a round of them, at most."""
        self._clock, self._history, self._seconds, self._expected = clock, history, seconds, expected
        self._pairs: dict[tuple[str, str], _Pair] = {}

    def keep(self, regions: Collection[str]) -> None:
        """Forget regions that are gone."""
        self._pairs = {pair: p for pair, p in self._pairs.items() if set(pair) <= set(regions)}
        self._history.keep(regions)

    def saw(self, origin: str, target: str, sighting: Sighting) -> None:
        """A canary from `origin` was looked for in `target`."""
        pair = self._pairs.setdefault((origin, target), _Pair())
        pair.last.append(sighting)
        pair.tally[sighting.outcome] += 1
        self._history.add(_path(origin, target), sighting)

    def view(self) -> list[dict[str, Any]]:
        """One row per pair of regions; `availability` (0 to 1) is over the last sightings, `day` and `week`
        over so long. `old`: not looked for during three rounds; the row is of then."""
        return [self._row(origin, target, pair) for (origin, target), pair in sorted(self._pairs.items())]

    def history(self) -> list[dict[str, Any]]:
        """Per pair: the last sightings one by one, and the hours of a week."""
        return [
            {"from": origin, "to": target, "last": list(pair.last), "hours": self._history.of(path)}
            for (origin, target), pair in sorted(self._pairs.items())
            if (path := _path(origin, target))
        ]

    def describe(self) -> Iterator[Metric]:
        """Nothing: there are no pairs yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Counted here; how the last ones fared is in `survey`."""
        labels = ["from", "to"]
        failures = CounterMetricFamily("atoll_canary_failures", "Canaries that did not come.", labels=labels)
        flown = CounterMetricFamily("atoll_canaries", "Canaries by outcome.", labels=[*labels, "outcome"])
        for names, pair in sorted(self._pairs.items()):
            failures.add_metric(list(names), pair.tally.total() - pair.tally["ok"])
            for outcome in OUTCOMES:
                flown.add_metric([*names, outcome], pair.tally[outcome])
        yield from (failures, flown)

    def survey(self) -> Survey:
        """The last canary of every pair of regions."""
        samples = [s for names, p in sorted(self._pairs.items()) for s in self._samples(*names, p.last[-1])]
        return Survey(
            tuple(samples),
            frozenset(sample.subject for sample in samples),
            whole=bool(samples) or not self._expected,
        )

    def _missed(self, last: Sighting) -> float:
        """Rounds that should have come since; the one that is due does not count."""
        age = max(0, self._clock.now_ms() - last.at) / 1000
        return max(0.0, round(age / self._seconds - 1, 2))

    def _samples(self, origin: str, target: str, last: Sighting) -> Iterator[Sample]:
        subject = Subject("path", _path(origin, target))
        note = "" if last.ok else f"{last.outcome}: {last.why or ''}"
        yield Sample("atoll_canary_ok", subject, float(last.ok), origin, note=note)
        yield Sample("atoll_canary_missed_rounds", subject, self._missed(last), origin)
        if last.lag is not None and last.read is not None:
            yield Sample("atoll_canary_lag_seconds", subject, last.lag, origin)
            yield Sample("atoll_canary_read_seconds", subject, last.read, origin)

    def _row(self, origin: str, target: str, pair: _Pair) -> dict[str, Any]:
        last, now, path = pair.last[-1], self._clock.now_ms(), _path(origin, target)
        return {
            "from": origin,
            "to": target,
            "ok": last.ok,
            "outcome": last.outcome,
            "old": self._missed(last) >= STALE_ROUNDS,
            "at": rfc3339(last.at),
            "lag_ms": None if last.lag is None else round(last.lag * 1000, 1),
            "read_ms": None if last.read is None else round(last.read * 1000, 1),
            "availability": sum(s.ok for s in pair.last) / len(pair.last),
            "day": self._history.availability(path, now - 24 * HOUR_MS),
            "week": self._history.availability(path, now - 7 * 24 * HOUR_MS),
            "flown": pair.tally.total(),
            "why": last.why,
        }


def _path(origin: str, target: str) -> str:
    return f"{origin}→{target}"
