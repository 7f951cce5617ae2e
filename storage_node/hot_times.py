"""How long reads from memory take: one in `EVERY` is timed, for two looks at a clock each time would be felt.

Which one is taken by count, not by dice: a random number would cost as much. From the whole header to the
answer handed to the kernel, so a reader who does not read shows here. The exact number of such reads is
beside it, as `source="ram"` of the reads; the histogram's own count is of those timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

from atoll.metrics import LATENCY_BUCKETS

EVERY = 61  # a prime, or of a page with 16 or 64 pictures always the same ones would be timed
BUCKETS = (
    0.00002,
    0.00005,
    0.0001,
    0.0002,
    *LATENCY_BUCKETS,
)  # seconds; most take less than the rest can tell


class HotTimes:
    """The histogram's two kinds, `blob` and `derivative`. `clock`: seconds, as fine as there are."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds = Histogram(
            "atoll_node_memory_read_seconds",
            f"One in {EVERY} reads from memory: from the whole header to the answer handed over.",
            ["kind"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.blob, self.derivative = self.seconds.labels("blob"), self.seconds.labels("derivative")
