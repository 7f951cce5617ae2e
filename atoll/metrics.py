"""Metrics in Prometheus' text form: one registry per daemon, read at /metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from atoll.http import Handler, allow_only
from atoll.version import __version__

# Seconds; from a RAM hit to a slow upload.
LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


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
    """Counts and times every request by method, route and status. A route is one label for all ids.

    In plain lists, because they are all touched on one thread: the client library's locks and look-ups cost
    as much as finding an image's URL.
    """

    def __init__(self, name: str) -> None:
        """`name` of the histogram, in seconds."""
        self._name = name
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
            self._name,
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


def new_registry(daemon: str, name: str, region: str) -> CollectorRegistry:
    """A registry that says who speaks (`atoll_build_info`) and what the process uses (`process_…`)."""
    registry = CollectorRegistry()
    info = Gauge(
        "atoll_build_info", "Who this is.", ["daemon", "name", "region", "version"], registry=registry
    )
    info.labels(daemon, name, region, __version__).set(1)
    ProcessCollector(registry=registry)  # CPU, memory, open files, start: on Linux
    return registry


def metrics_handler(registry: CollectorRegistry, networks: Sequence[str]) -> Handler:
    """A handler for GET /metrics that answers only peers in `networks` (CIDR)."""
    check = allow_only(networks)

    async def handle(request: web.Request) -> web.Response:
        check(request)
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return handle
