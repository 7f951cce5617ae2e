"""How long small uploads wait for each other, to go in one order. Decides; waits for nobody itself.

An order costs the replicator and its node several times what one more image in it does: a request, its token,
its answer, and on the node a look and a commit. So while an order of small images is under way, those that
come meanwhile wait for its answer, and go in the next order together: the busier the node, the longer its
orders take, and the fewer and larger they become. Where no order is under way nobody waits, and no order is
waited for longer than `seconds` from its beginning: where the other region is far and every answer late,
orders overlap, and one that hangs holds up nobody.
Called by the window (window.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from replicator.work import Stored, Work

SMALL_BYTES = 256 * 1024  # a larger image gains nothing from company, and would hold up the answer


def is_small(work: Work) -> bool:
    """Whether it is an upload that may go in one order with others."""
    return isinstance(work, Stored) and work.event.asset.blob.size <= SMALL_BYTES


class Company:
    """At most `most` go together, and wait for an order until it is `seconds` old. `clock` is monotonic."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._under_way = 0  # orders of small images
        self._ordered_at = 0.0  # when the last of them began
        self._came = False  # a small one did, since the last were taken: who was left behind goes at once

    def came(self, work: Work) -> None:
        """`work` waits from now on."""
        self._came |= is_small(work)

    def left(self, best: Work, waiting: int) -> float:
        """How many seconds `best` is still to wait; `waiting` are there in all."""
        if not self._came or not self._under_way or waiting >= self._most or not is_small(best):
            return 0.0
        return self._ordered_at + self._seconds - self._clock()

    def gone(self) -> None:
        """Who waited has been taken: the next to come is a first one."""
        self._came = False

    @contextmanager
    def ordered(self) -> Iterator[None]:
        """An order of small images is under way while the context lasts."""
        self._under_way += 1
        self._ordered_at = self._clock()
        try:
            yield
        finally:
            self._under_way -= 1
