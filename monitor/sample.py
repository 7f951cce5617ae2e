"""What the monitor measures, as one kind of value: a metric's name, of what, and how much. Pure.

The same samples are judged by the rules (rules.py) and shown to Prometheus (exposition.py), so that what
alarms here and what alarms there are the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Scope = Literal["node", "set", "region", "engine", "service", "path", "monitor", "channel", "cluster"]
SCOPES: tuple[Scope, ...] = (
    "cluster",
    "region",
    "set",
    "node",
    "engine",
    "service",
    "path",
    "monitor",
    "channel",
)


class Subject(NamedTuple):
    """What is measured. A path is `from→to`, a service `host:port`, a consumer `STREAM/durable`."""

    scope: Scope
    name: str


class Sample(NamedTuple):
    """One figure now. `note`: a person's words for what the figure alone does not say."""

    metric: str
    subject: Subject
    value: float
    region: str = ""
    set: str = ""
    note: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """Prometheus labels: the subject, and where it stands."""
        if self.subject.scope == "node":
            return {"node": self.subject.name, "region": self.region, "set": self.set}
        if self.subject.scope == "path":
            origin, _, target = self.subject.name.partition("→")
            return {"from": origin, "to": target}
        return {self.subject.scope: self.subject.name}


class Survey(NamedTuple):
    """All samples of one moment. Of a subject that is not `present` nothing is expected any more, unless
    this is not the `whole` yet: just started, nobody can be called gone."""

    samples: tuple[Sample, ...]
    present: frozenset[Subject]
    whole: bool = True


def together(surveys: Sequence[Survey]) -> Survey:
    """Several surveys as one."""
    samples = tuple(sample for survey in surveys for sample in survey.samples)
    present = frozenset[Subject]().union(*(survey.present for survey in surveys))
    return Survey(samples, present, all(survey.whole for survey in surveys))
