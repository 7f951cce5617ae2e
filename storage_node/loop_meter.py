"""How late the event loop is, and how much of that is its own doing. Measured all the time, read at /metrics.

A task sleeps a hundredth of a second over and over, and looks how late it wakes. Late means that something
held the loop, or that the machine had no core for it. The two are told apart by the CPU time of the loop's
thread: what it computed itself while somebody waited is the node's fault, on any machine. Nothing may compute
on the loop for more than 50 ms: decoding, hashing, SQLite and disks belong to threads and workers.
Costs about 0.2 % of a core. Started by `app`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

_PERIOD_SECONDS = 0.01
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

Clock = Callable[[], float]


class LoopMeter:
    """`run` is its task's whole life."""

    def __init__(
        self, registry: CollectorRegistry, wall: Clock = time.monotonic, cpu: Clock = time.thread_time
    ) -> None:
        """`cpu`: seconds that the calling thread has computed."""
        self._wall, self._cpu = wall, cpu
        self._late = _histogram("atoll_loop_lag_seconds", "How late the event loop woke a sleeper.", registry)
        self._busy = _histogram(
            "atoll_loop_busy_seconds", "Of that, what the loop's own thread computed.", registry
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wall, cpu = self._wall(), self._cpu()
            await asyncio.sleep(_PERIOD_SECONDS)
            self.woken(self._wall() - wall, self._cpu() - cpu)

    def woken(self, passed: float, computed: float) -> None:
        """Note one sleep: seconds that passed since it began, and that the thread computed meanwhile."""
        late = max(0.0, passed - _PERIOD_SECONDS)
        self._late.observe(late)
        self._busy.observe(min(late, computed))


def _histogram(name: str, doc: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, doc, registry=registry, buckets=_BUCKETS)
