"""What the canaries found: region by region, how often, how long, and what went wrong last. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.node_api import rfc3339
from monitor.sample import Sample, Subject, Survey

KEPT = 60  # sightings of each pair of regions


class Sighting(Struct, frozen=True):
    """One canary in one region. `lag`: seconds from the 201 to a copy there; `read`: to fetch it."""

    ok: bool
    at: int
    lag: float | None
    read: float | None
    why: str | None = None


@dataclass
class _Pair:
    last: deque[Sighting] = field(default_factory=lambda: deque(maxlen=KEPT))
    good: int = 0
    bad: int = 0


class CanaryBoard(Collector):
    """Owned by the monitor; written by the canary, read by its HTTP and metrics."""

    def __init__(self, *, expected: bool = False) -> None:
        """`expected`: whether canaries are flown at all."""
        self._expected = expected
        self._pairs: dict[tuple[str, str], _Pair] = {}

    def keep(self, regions: Collection[str]) -> None:
        """Forget regions that are gone."""
        self._pairs = {pair: p for pair, p in self._pairs.items() if set(pair) <= set(regions)}

    def saw(self, origin: str, target: str, sighting: Sighting) -> None:
        """A canary from `origin` was looked for in `target`."""
        pair = self._pairs.setdefault((origin, target), _Pair())
        pair.last.append(sighting)
        pair.good += sighting.ok
        pair.bad += not sighting.ok

    def view(self) -> list[dict[str, Any]]:
        """One row per pair of regions; `availability` (0 to 1) is over the last sightings."""
        return [_row(origin, target, pair) for (origin, target), pair in sorted(self._pairs.items())]

    def describe(self) -> Iterator[Metric]:
        """Nothing: there are no pairs yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Counted here; how the last ones fared is in `survey`."""
        labels = ["from", "to"]
        failures = CounterMetricFamily("atoll_canary_failures", "Canaries that did not come.", labels=labels)
        for pair_name, pair in sorted(self._pairs.items()):
            failures.add_metric(list(pair_name), pair.bad)
        yield failures

    def survey(self) -> Survey:
        """The last canary of every pair of regions."""
        samples = [s for pair, p in sorted(self._pairs.items()) for s in _samples(*pair, p.last[-1])]
        return Survey(
            tuple(samples),
            frozenset(sample.subject for sample in samples),
            whole=bool(samples) or not self._expected,
        )


def _samples(origin: str, target: str, last: Sighting) -> Iterator[Sample]:
    subject = Subject("path", f"{origin}→{target}")
    yield Sample("atoll_canary_ok", subject, float(last.ok), origin, note=last.why or "")
    if last.lag is not None and last.read is not None:
        yield Sample("atoll_canary_lag_seconds", subject, last.lag, origin)
        yield Sample("atoll_canary_read_seconds", subject, last.read, origin)


def _row(origin: str, target: str, pair: _Pair) -> dict[str, Any]:
    last = pair.last[-1]
    return {
        "from": origin,
        "to": target,
        "ok": last.ok,
        "at": rfc3339(last.at),
        "lag_ms": None if last.lag is None else round(last.lag * 1000, 1),
        "read_ms": None if last.read is None else round(last.read * 1000, 1),
        "availability": sum(s.ok for s in pair.last) / len(pair.last),
        "flown": pair.good + pair.bad,
        "why": last.why,
    }
