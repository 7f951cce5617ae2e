"""How busy the node is: 0 idle, 1 saturated and above. In each heartbeat; repair and scrubbing follow it.

The worst of three: the process's share of one core, which is the event loop's ceiling; how full its places
for uploads are; how late its loop is woken, which is what every reader waits in addition. The last one sees
what the process cannot see in itself: a machine whose cores others have taken. Pure, but for the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

SATURATED_SECONDS = 0.025  # the setting `saturated_milliseconds` of nodes that say nothing else


class NodeLoad:
    """`fullness`: of the places for uploads, 0 to 1; `cpu`: seconds of processor this process has used."""

    def __init__(
        self,
        fullness: Callable[[], float],
        cpu: Callable[[], float] = time.process_time,
        others: Callable[[], Sequence[float]] = tuple,
        saturated: float = SATURATED_SECONDS,
    ) -> None:
        """`others`: the loads of the node's other processes; the node's is the mean of all. `saturated`: a
        node whose loop is woken so many seconds late, in the mean, can take no more."""
        self._fullness, self._cpu, self._others = fullness, cpu, others
        self._saturated = saturated
        self._used = cpu()
        self._late = 0.0
        self._wakes = 0
        self.value = 0.0

    def woken(self, late: float) -> None:
        """The loop was woken by so many seconds too late."""
        self._late += max(0.0, late)
        self._wakes += 1

    def measure(self, seconds: float) -> float:
        """The load of the last `seconds`."""
        used = self._cpu()
        busy, self._used = min(1.0, (used - self._used) / seconds), used
        late = self._late / self._wakes if self._wakes else 0.0
        self._late, self._wakes = 0.0, 0
        own = max(busy, min(1.0, late / self._saturated))
        others = self._others()
        self.value = max((own + sum(others)) / (1 + len(others)), self._fullness())
        return self.value
