"""How late the event loop is, and how much of that is its own doing. Measured all the time, read at /metrics.

It asks to be woken in a hundredth of a second, over and over, and looks how late that comes. Late means that
something held the loop, or that the machine had no core for it. The two are told apart by the CPU time of the
loop's thread: what it computed itself while somebody waited is the daemon's fault, on any machine. Nothing
may compute on the loop for more than 50 ms, and under load nothing should for 20: decoding, hashing, SQLite
and disks belong to threads and workers.

A loop with next to nothing to do is asked less often, for in an idle cluster the waking was half of what its
daemons cost. The measure is a little coarser then: of what holds the loop, up to one sleep goes unseen. For
the same reason it is a callback and not a task that sleeps, and counts into plain lists, which one thread
alone touches. Started by every daemon's `app`.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

PERIOD_SECONDS = 0.01
IDLE_PERIOD_SECONDS = 0.025
_IDLE_SHARE = 0.05  # of a sleep: a loop that computed less in it is idle
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_EDGES = (*map(str, _BUCKETS), "+Inf")

Clock = Callable[[], float]


class LoopMeter:
    """`run` is its task's whole life."""

    def __init__(
        self, registry: CollectorRegistry, wall: Clock = time.monotonic, cpu: Clock = time.thread_time
    ) -> None:
        """`cpu`: seconds that the calling thread has computed."""
        self._wall, self._cpu = wall, cpu
        self._slept_at = self._computed = 0.0
        self.period = PERIOD_SECONDS  # of the sleep under way
        self._late = _Course("atoll_loop_lag_seconds", "How late the event loop woke a sleeper.")
        self._busy = _Course("atoll_loop_busy_seconds", "Of that, what the loop's own thread computed.")
        registry.register(self._late)
        registry.register(self._busy)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        self._slept_at, self._computed = self._wall(), self._cpu()
        self._timer = loop.call_later(self.period, self._wake, loop)
        try:
            await loop.create_future()
        finally:
            self._timer.cancel()

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        now, computed = self._wall(), self._cpu()
        self.woken(now - self._slept_at, computed - self._computed)
        self._slept_at, self._computed = now, computed
        self._timer = loop.call_later(self.period, self._wake, loop)

    def woken(self, passed: float, computed: float) -> None:
        """Note one sleep: seconds that passed since it began, and that the thread computed meanwhile."""
        late = max(0.0, passed - self.period)
        self._late.take(late)
        self._busy.take(min(late, computed))
        idle = computed < passed * _IDLE_SHARE
        self.period = IDLE_PERIOD_SECONDS if idle else PERIOD_SECONDS


class _Course(Collector):
    """A histogram of seconds."""

    def __init__(self, name: str, doc: str) -> None:
        self._name, self._doc = name, doc
        self._counts = [0] * len(_EDGES)
        self._sum = 0.0

    def take(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterable[Metric]:
        buckets = list(zip(_EDGES, map(float, accumulate(self._counts)), strict=True))
        return [HistogramMetricFamily(self._name, self._doc, buckets=buckets, sum_value=self._sum)]
