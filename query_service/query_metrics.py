"""What this service counts.

Owns the names of the metrics. Requests are counted in plain lists, because they are all touched on one
thread: the client library's locks and look-ups cost as much as finding an image's URL.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.cluster import ClusterMap
from atoll.health import HealthTable
from atoll.metrics import LATENCY_BUCKETS

_EDGES = [*(str(edge) for edge in LATENCY_BUCKETS), "+Inf"]
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
)  # any other word is the client's invention


class _Requests:
    """The requests of one method, route and status: how many per latency bucket, and seconds in all."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * len(_EDGES)
        self.seconds = 0.0


class RequestMeter(Collector):
    """Counts and times every request by method, route and status. A route is one label for all ids."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, int], _Requests] = {}

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None:
        """Take one answered request."""
        requests = self._seen.get((method, route, status)) or self._first(method, route, status)
        requests.counts[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        requests.seconds += seconds

    def _first(self, method: str, route: str, status: int) -> _Requests:
        known = method if method in _METHODS else "other"
        return self._seen.setdefault((known, route, status), _Requests())

    def collect(self) -> Iterable[Metric]:
        """One histogram; its `_count` is the number of requests."""
        family = HistogramMetricFamily(
            "atoll_query_request_seconds",
            "Requests by the time to answer, from the whole header to the response made.",
            labels=["method", "route", "status"],
        )
        for (method, route, status), requests in sorted(self._seen.items()):
            total, buckets = 0, []
            for edge, count in zip(_EDGES, requests.counts, strict=True):
                total += count
                buckets.append((edge, float(total)))
            family.add_metric([method, route, str(status)], buckets, requests.seconds)
        return [family]


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
