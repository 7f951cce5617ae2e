"""One decision on growth and shrinking together: from what is known, what is ordered from now on. Pure."""

from __future__ import annotations

from typing import NamedTuple

from monitor.scale_decide import Verdict, decide
from monitor.scale_facts import Facts
from monitor.scale_in_decide import called_back, shrink
from monitor.scale_in_rules import Known
from monitor.scale_instances import Scaling
from monitor.scale_policy import ScalePolicy


class Plan(NamedTuple):
    """A verdict for each region of the policy, and all launches and departures as they are to be."""

    verdicts: list[Verdict]
    scaling: Scaling


def planned(policy: ScalePolicy, facts: Facts, known: Known, now: int) -> Plan:
    """What the policy makes of the facts at `now` (Unix milliseconds)."""
    verdicts, new = decide(policy, facts, known.instances, now, known.departures)
    departures = called_back(known.departures, verdicts, now)
    instances = (*known.instances, *new)
    verdicts, leaving = shrink(policy, facts, Known(instances, departures), verdicts, now)
    return Plan(verdicts, Scaling(instances, (*departures, *leaving)))
