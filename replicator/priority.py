"""Which of the messages at hand goes first. Pure.

Tombstones first: they are cheap, and what they delete need not be pulled. Then uploads, newest minute
first, and within a minute the smallest first: after a downtime what people look at now is there at once,
and a large image does not hold up a hundred small ones. Whole minutes, because by exact time size would
never decide. Then what is to be parked, then the wanted blobs, which waited for minutes already. Last what
anti-entropy found, tombstones first: repair never holds up what is fresh.
"""

from __future__ import annotations

from enum import IntEnum

MINUTE_MS = 60_000

# Compared left to right; the smallest goes first.
Rank = tuple[int, int, int]


class Urgency(IntEnum):
    """The first part of a rank."""

    TOMBSTONE = 0
    STORED = 1
    POISON = 2
    WANTED = 3
    BURY = 4
    MEND = 5


def rank(urgency: Urgency, at_ms: int = 0, size: int = 0) -> Rank:
    """The rank of a message from `at_ms` (Unix milliseconds) about `size` bytes."""
    return (urgency, -(at_ms // MINUTE_MS), size)
