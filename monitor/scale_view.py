"""How growth is told: for the log, for `atoll scale explain`, and as figures that alarm. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from monitor.sample import Sample, Subject
from monitor.scale_decide import Verdict
from monitor.scale_departures import OPEN, TROUBLED, Departure
from monitor.scale_instances import Instance, Scaling


class ScaleView(Struct, frozen=True):
    """What `atoll scale explain` shows; launches and departures, the newest first."""

    leads: bool
    dry_run: bool
    policy: dict[str, object]
    verdicts: tuple[Verdict, ...]
    instances: tuple[Instance, ...]
    departures: tuple[Departure, ...] = ()


def newest(scaling: Scaling) -> tuple[tuple[Instance, ...], tuple[Departure, ...]]:
    """All of them, the newest first."""
    launches = sorted(scaling.instances, key=lambda i: (-i.decided_at, i.name))
    return tuple(launches), tuple(sorted(scaling.departures, key=lambda d: (-d.decided_at, d.name)))


def outcome(verdict: Verdict) -> tuple[bool, bool, bool]:
    """What of a verdict is news; its figures alone are none."""
    return verdict.grows, verdict.blocked == "", verdict.leaves == ()


def in_words(verdict: Verdict) -> str:
    """One line for the log."""
    decided = "nothing to do"
    if verdict.grows:
        decided = "starts " + ", ".join(verdict.launches)
    elif verdict.blocked:
        decided = f"cannot grow: {verdict.blocked}"
    elif verdict.leaves:
        decided = "gives back " + ", ".join(verdict.leaves)
    return f"{verdict.region}: {decided} ({'; '.join(verdict.why) or 'no set here'})"


def samples(verdict: Verdict, scaling: Scaling) -> Iterator[Sample]:
    """The figures of a region."""
    subject, here = Subject("region", verdict.region), verdict.region
    launches = [i for i in scaling.instances if i.region == here]
    value, note = _trouble(
        [i for i in launches if i.state == "given_up" or (i.error and i.state != "joined")]
    )
    yield Sample("atoll_region_launch_trouble", subject, value, here, note=note)
    blocked = float(bool(verdict.blocked))
    yield Sample("atoll_region_growth_blocked", subject, blocked, here, note=verdict.blocked)
    departures = [d for d in scaling.departures if d.region == here and d.error]
    value, note = _trouble([d for d in departures if d.state in OPEN | TROUBLED])
    yield Sample("atoll_region_leave_trouble", subject, value, here, note=note)


def _trouble(troubled: Iterable[Instance | Departure]) -> tuple[float, str]:
    """1 for what is tried again, 2 for what was given up; and why."""
    troubled = list(troubled)
    worst = max((2.0 if one.state == "given_up" else 1.0 for one in troubled), default=0.0)
    return worst, "; ".join(f"{one.name} (try {one.tries}): {one.error}" for one in troubled)
