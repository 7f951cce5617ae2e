"""What this service counts.

Owns the names of the metrics. Requests are counted by atoll.metrics.RequestMeter.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.cluster import ClusterMap
from atoll.health import HealthTable


class UseMeter:
    """Counts what was done: tickets, handles resolved."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tickets = Counter("atoll_query_tickets", "Upload tickets asked for.", ["result"], registry=registry)
        self._issued, self._refused = tickets.labels("issued"), tickets.labels("refused")
        self._handles = Counter(
            "atoll_query_handles_resolved", "Handles resolved, without a look-up.", registry=registry
        )

    def ticket(self, issued: bool) -> None:
        """A ticket was issued, or refused."""
        (self._issued if issued else self._refused).inc()

    def handles(self, count: int) -> None:
        """So many handles were resolved."""
        if count:
            self._handles.inc(count)


class NodeStates(Collector):
    """Nodes by state and heartbeats refused, read when somebody asks."""

    def __init__(
        self,
        cluster: Callable[[], ClusterMap],
        health: HealthTable,
        bad_heartbeats: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._health, self._clock = cluster, health, clock
        self._bad_heartbeats = bad_heartbeats

    def collect(self) -> Iterable[Metric]:
        """The families of this collector."""
        now = self._clock()
        names = [node.name for node in self._cluster().nodes.values() if node.state != "removed"]
        tally = Tally(self._health.state(name, now) for name in names)
        nodes = GaugeMetricFamily("atoll_query_nodes", "Nodes, by health as seen here.", labels=["state"])
        for state in ("healthy", "suspect", "unknown"):
            nodes.add_metric([state], tally[state])
        refused = CounterMetricFamily(
            "atoll_query_heartbeats_refused", "Heartbeats that were forged or malformed."
        )
        refused.add_metric([], self._bad_heartbeats())
        return [nodes, refused]
