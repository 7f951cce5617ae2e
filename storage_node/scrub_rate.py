"""How fast to scrub: from what lies on the disk, how old its last check is, and how busy the node is. Pure.

Everything must have been read within a period. A round over all of it is planned in three quarters of
the period, and nothing is read again before an eighth of it has gone by: so even what was all written on
one day is read in time, with an eighth to spare for the days on which the node was down. When that is
used up too, the rate rises, up to its ceiling.

Whatever the rate, the disk is never kept busy for more than a fifth of the time: after a piece that took
t, there is a rest of at least 4 t. On a disk that others keep busy reading takes longer, and scrubbing
steps back by itself. An I/O priority of its own does the same on schedulers that know one (`be_idle`).
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

BLOB_COST = 64 * 1024  # what opening a file and writing down the result costs, in bytes
ROUND_SHARE, REST_SHARE = 0.75, 0.125
_LATE = ROUND_SHARE + REST_SHARE
_HURRY = 32.0  # at the end of the period the rate is 1 + 32/8 times the planned one
_REST, _REST_OVERDUE = 4.0, 1.0
_CALM, _LEAST_EAGER, _LEAST_EAGER_OVERDUE = 0.5, 0.1, 0.5


@dataclass(frozen=True)
class Pace:
    """`period` in seconds; `floor` and `ceiling` in bytes a second."""

    period: float
    floor: float
    ceiling: float

    @property
    def rest(self) -> float:
        """How old a check must be before a blob is read again, in seconds."""
        return self.period * REST_SHARE

    def rate(self, blobs: int, held: int, oldest: float) -> float:
        """Bytes a second for `held` bytes in `blobs` blobs, the oldest check being `oldest` seconds old."""
        planned = (held + blobs * BLOB_COST) / (ROUND_SHARE * self.period)
        late = max(0.0, oldest / self.period - _LATE)
        return max(self.floor, min(self.ceiling, planned * (1 + _HURRY * late)))

    def pause(self, cost: int, took: float, rate: float, load: float, *, overdue: bool) -> float:
        """How long to rest after reading `cost` bytes in `took` seconds, on a node with this load."""
        rest = _REST_OVERDUE if overdue else _REST
        return max(rest * took, cost / (rate * eagerness(load, overdue=overdue)) - took)


def eagerness(load: float, *, overdue: bool) -> float:
    """The share of the rate that a load (0 idle, 1 saturated) leaves."""
    least = _LEAST_EAGER_OVERDUE if overdue else _LEAST_EAGER
    return max(least, min(1.0, 1 - (load - _CALM) * (1 - least) / (1 - _CALM)))


_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13


def be_idle(machine: str) -> None:
    """Give the calling thread the idle I/O class (ioprio_set(2)), where there is one.

    Its niceness stays: a low one would be preempted while it holds the interpreter's lock, and then
    everybody would wait for it. (Batch work, which it is, keeps its share: atoll/batch_work.py.)
    """
    if sys.platform == "linux" and machine in _IOPRIO_SET:
        ctypes.CDLL(None, use_errno=True).syscall(_IOPRIO_SET[machine], 1, 0, _IDLE_CLASS)
