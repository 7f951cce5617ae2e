"""What this service counts, and the middleware that counts requests.

Owns the names of the metrics. Everything that a request touches is bound to its labels once, because
looking a child up by its labels costs more than resolving an image.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from atoll.cluster import ClusterMap
from atoll.health import HealthTable
from atoll.http import Handler, problems
from atoll.metrics import LATENCY_BUCKETS

_UNMATCHED = "unmatched"


class RequestMeter:
    """Counts and times every request by route; the outermost middleware, so it sees problems too."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "atoll_query_requests", "Requests.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "atoll_query_request_seconds",
            "Time to answer, from the whole header to the response made.",
            ["route"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._bound: dict[tuple[web.AbstractRoute, int], tuple[Counter, Histogram]] = {}

    @property
    def middleware(self) -> Callable[[web.Request, Handler], object]:
        """Measure, and turn every error into a problem document."""
        clock = time.perf_counter
        bound = self._bound

        @web.middleware
        async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = clock()
            response = await problems(request, handler)
            route = request.match_info.route
            counter, seconds = bound.get((route, response.status)) or self._bind(route, response.status)
            counter.inc()
            seconds.observe(clock() - started)
            return response

        return measured

    def _bind(self, route: web.AbstractRoute, status: int) -> tuple[Counter, Histogram]:
        """A path that is served is one label, however many ids it is asked for; all others are one, too."""
        name = route.resource.canonical if route.resource else _UNMATCHED
        method = route.method if route.resource else _UNMATCHED
        pair = self._requests.labels(method, name, str(status)), self._seconds.labels(name)
        if route.resource:
            self._bound[route, status] = pair
        return pair


class UseMeter:
    """Counts what was done: tickets, handles resolved, heartbeats refused."""

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

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The families of this collector."""
        now = self._clock()
        names = [node.name for node in self._cluster().nodes.values() if node.state != "removed"]
        tally = Tally(self._health.state(name, now) for name in names)
        nodes = GaugeMetricFamily("atoll_query_nodes", "Nodes, by health as seen here.", labels=["state"])
        for state in ("healthy", "suspect", "unknown"):
            nodes.add_metric([state], tally[state])
        refused = GaugeMetricFamily(
            "atoll_query_heartbeats_refused", "Heartbeats refused since the start.", self._bad_heartbeats()
        )
        return [nodes, refused]
