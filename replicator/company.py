"""How long small uploads wait for each other, to go in one order. Decides; waits for nobody itself.

An order costs the replicator and its node several times what one more image in it does: a request, its token,
its answer, and on the node a look and a commit. So while uploads come so fast that two more are likely
within `seconds`, the first waits so long, and whoever comes meanwhile goes along. Uploads that come singly,
or where one more at best would join, wait for nobody.
Called by the window (window.py).
"""

from __future__ import annotations

from collections.abc import Callable

from replicator.work import Stored, Work

SMALL_BYTES = 256 * 1024  # a larger image gains nothing from company, and would hold up the answer
_PAUSE_SECONDS = 1.0  # a longer gap counts as one of so many
_WORTH = 2  # so many more are to be expected, for one to wait
_OF_LAST = 8  # gaps that the mean is of, about: one upload beside another is no rush


def is_small(work: Work) -> bool:
    """Whether it is an upload that may go in one order with others."""
    return isinstance(work, Stored) and work.event.asset.blob.size <= SMALL_BYTES


class Company:
    """At most `most` go together; the first of them waits for `seconds`. `clock` is monotonic."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._last = clock() - _PAUSE_SECONDS
        self._gap = _PAUSE_SECONDS  # between two small uploads, in the mean
        self._since: float | None = None  # when the first came of those that wait

    def came(self, work: Work) -> None:
        """`work` waits from now on."""
        if not is_small(work):
            return
        now = self._clock()
        self._gap += (min(now - self._last, _PAUSE_SECONDS) - self._gap) / _OF_LAST
        self._last = now
        if self._since is None:
            self._since = now

    def left(self, best: Work, waiting: int) -> float:
        """How many seconds `best` is still to wait; `waiting` are there in all."""
        rush = self._gap * _WORTH < self._seconds
        if self._since is None or not rush or waiting >= self._most or not is_small(best):
            return 0.0
        return self._since + self._seconds - self._clock()

    def gone(self) -> None:
        """Who waited has been taken: the next to come is a first one."""
        self._since = None
