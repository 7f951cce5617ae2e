"""What follows from a failed order. Pure.

the node is away, full of work, or refuses us    → it is not the message's fault: everything pauses
the node can never do this (4xx for good)        → park
the node has no space                            → wanted: retries at once would not make room
anything else, mostly: no source had the bytes   → retry a few times, then wanted
"""

from __future__ import annotations

import random
from enum import Enum

from atoll.errors import AtollError, NoSpace

# Answers that blame the order itself. 401 and 403 blame our token or a clock, 404 may be a bucket that the
# node's map does not know yet, 408 and 429 blame the moment: all others may be right later.
_FOR_GOOD = frozenset({400, 409, 413, 415, 416, 422})
# A node that was removed from the cluster answers everything with 410.
_AWAY = frozenset({401, 403, 410, 429, 503})


class Verdict(Enum):
    """What to do with a message whose order failed."""

    RETRY = "retry"
    WANT = "want"
    PARK = "park"


def status_of(error: AtollError) -> object:
    """The HTTP status of an error, also of one whose type we do not know."""
    return error.facts.get("http_status", error.status)


def node_is_away(error: AtollError, node: str) -> bool:
    """Whether `node` takes no orders at all now, so that the next message would fail alike.

    A 503 that names another node is about a source, and so about this one order.
    """
    return status_of(error) in _AWAY and error.facts.get("node", node) == node


def judge(error: AtollError, delivered: int, retries: int) -> Verdict:
    """The verdict on an order that failed with `error`, its message `delivered` times so far (1 or more).

    Deliveries also count restarts of the replicator: then it is noted as wanted a little sooner.
    """
    if status_of(error) in _FOR_GOOD:
        return Verdict.PARK
    if isinstance(error, NoSpace) or delivered > retries:
        return Verdict.WANT
    return Verdict.RETRY


def retry_delay(delivered: int, first: float, cap: float, rng: random.Random) -> float:
    """Seconds until the next delivery: doubling from `first` to `cap`, with jitter (see atoll/backoff.py)."""
    ceiling: float = min(cap, first * 2.0 ** min(delivered - 1, 30))
    return ceiling * rng.uniform(0.1, 1.0)
