"""Metrics in Prometheus' text form: one registry per daemon, read at /metrics."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from atoll.http import Handler, allow_only
from atoll.version import __version__

# Seconds; from a RAM hit to a slow upload.
LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


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
