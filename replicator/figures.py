"""What the replicator counts, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from atoll.metrics import LATENCY_BUCKETS

# Seconds from the upload to durable here: a moment when all is well, hours after a downtime.
LAG_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400)


class Figures:
    """One attribute per metric."""

    def __init__(self, registry: CollectorRegistry) -> None:
        r = registry
        self.pulls = Counter(
            "atoll_replicator_pulls_total",
            "Pulls ordered, by what came of them: stored, present, deleted, retried, wanted, parked.",
            ["result"],
            registry=r,
        )
        self.bytes = Counter("atoll_replicator_pulled_bytes_total", "Bytes made durable here.", registry=r)
        self.pull_seconds = Histogram(
            "atoll_replicator_pull_seconds",
            "Time the node took for a pull.",
            buckets=LATENCY_BUCKETS,
            registry=r,
        )
        self.lag_seconds = Histogram(
            "atoll_replicator_lag_seconds",
            "From the upload's 201 in its region to durable here.",
            ["region"],
            buckets=LAG_BUCKETS,
            registry=r,
        )
        self.in_flight = Gauge("atoll_replicator_in_flight", "Orders under way now.", registry=r)
        self.window = Gauge("atoll_replicator_window", "Pieces of work that wait now.", registry=r)
        self.held = Gauge("atoll_replicator_held", "Messages without an answer now.", registry=r)
        self.paused = Gauge("atoll_replicator_paused", "1 while the node takes no orders.", registry=r)
        self.backlog = Gauge(
            "atoll_replicator_backlog",
            "Messages of a region's stream not yet done; NaN when it cannot be asked.",
            ["region"],
            registry=r,
        )
        self.parked = Counter(
            "atoll_replicator_parked_total", "Messages that can never be processed.", ["region"], registry=r
        )
        self.tombstones = Counter(
            "atoll_replicator_tombstones_total",
            "Tombstones ordered: applied, known, retried, parked.",
            ["result"],
            registry=r,
        )
        self.wanted_retries = Counter(
            "atoll_replicator_wanted_retries_total",
            "Wanted blobs ordered again, by what came of it: stored, present, deleted, failed.",
            ["result"],
            registry=r,
        )

    def watch(self, window: Callable[[], int], held: Callable[[], int], paused: Callable[[], bool]) -> None:
        """Ask for these whenever the metrics are read."""
        self.window.set_function(window)
        self.held.set_function(held)
        self.paused.set_function(lambda: float(paused()))
