"""What the indexer counts. Made by `app`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from atoll.events import KINDS, AnyEvent, kind_of
from atoll.metrics import LATENCY_BUCKETS

_LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0, 86400.0)


class IndexerMetrics:
    """How much is indexed, how late, and what waits. Times in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        applied = Counter(
            "atoll_indexer_events", "Events in the catalog, by kind.", ["kind"], registry=registry
        )
        self._applied = {kind: applied.labels(kind) for kind in KINDS}
        self.batch_seconds = Histogram(
            "atoll_indexer_batch_seconds",
            "Time to put a batch into the catalog and to tell the caches.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._lag = Histogram(
            "atoll_indexer_lag_seconds",
            "From an event's own time to its place in the catalog.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self.parked = Counter("atoll_indexer_parked", "Messages put aside for good.", registry=registry)
        self.backlog = Gauge(
            "atoll_indexer_backlog",
            "Events that wait for any query service; NaN when it cannot be asked.",
            ["region"],
            registry=registry,
        )

    def indexed(self, event: AnyEvent, now_ms: int) -> None:
        """An event is in the catalog."""
        self._applied[kind_of(event)].inc()
        self._lag.observe(max(0.0, (now_ms - event.at) / 1000))
