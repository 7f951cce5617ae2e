"""Names that were looked for and not found, for a short time. Pure; the clock is passed in.

`/i/photos/tom.jpg` mostly means the asset `tom`, but one that is called `tom.jpg` goes before it, and no
cache remembers that there is none: every such address would cost a catalog read. Here it is remembered as
long as the answer itself may be cached; with MongoDB away, for as long as there is room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

Name = tuple[str, str]  # bucket, public_id


class AbsentNames:
    """At most `entries` names; the one noted longest ago goes first."""

    def __init__(self, entries: int, seconds: float, clock: Callable[[], float]) -> None:
        self._entries, self._seconds, self._clock = entries, seconds, clock
        self._noted: OrderedDict[Name, float] = OrderedDict()

    def note(self, name: Name) -> None:
        """It is not there now."""
        self._noted[name] = self._clock()
        self._noted.move_to_end(name)
        if len(self._noted) > self._entries:
            self._noted.popitem(last=False)

    def lately(self, name: Name) -> bool:
        """Whether it was noted within the last `seconds`."""
        noted_at = self._noted.get(name)
        return noted_at is not None and self._clock() - noted_at < self._seconds

    def ever(self, name: Name) -> bool:
        """Whether it was noted at all, as far as is remembered."""
        return name in self._noted
