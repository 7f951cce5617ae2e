"""A forecast held against what came: when the first set would be full, said before the next one was ordered.

For `atoll demo-growth`, in which that set never becomes full: the pace it goes on to be filled at, until the
new set takes uploads too, says when it would have been. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from atoll.client.monitor_calls import ForecastView

DAY = 86_400


class _Look(NamedTuple):
    """At a time (seconds) so many bytes were left, and were said to last so many seconds."""

    at: float
    free: int
    lasts: float


class ForecastCheck:
    """Fed with every look at the cluster; `text` says how the forecast did."""

    def __init__(self) -> None:
        self._made: _Look | None = None
        self._last: _Look | None = None

    def seen(self, at: float, view: ForecastView | None, *, ordered: bool, shared: bool) -> None:
        """One look. `ordered`: the next set is; `shared`: it takes uploads, so the pace is another."""
        if view is None or view.days is None or view.unit != "bytes" or shared:
            return
        self._last = _Look(at, view.free, view.days * DAY)
        if not ordered:
            self._made = self._last

    @property
    def now(self) -> str:
        """The last forecast, in words; "" while there is none."""
        return f"full in {self._last.lasts:.0f} s at this pace" if self._last else ""

    @property
    def text(self) -> str:
        """What was said when the next set was ordered, and what came; "" if too little was seen."""
        if (came := self._came()) is None or self._made is None:
            return ""
        said = f"said to be full in {self._made.lasts:.0f} s when the next set was ordered"
        return f"{said}; at the pace of the uploads that followed it would have been in {came:.0f} s"

    def _came(self) -> float | None:
        """Seconds from the forecast to full, by the pace that followed."""
        made, last = self._made, self._last
        if made is None or last is None or last.free >= made.free:
            return None
        return made.free * (last.at - made.at) / (made.free - last.free)
