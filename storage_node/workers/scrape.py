"""GET /metrics of a node with workers: one text for all processes. What workers count has a label
`worker`.

Home's samples are as they are with one process, so that what is true of the whole node (blobs held, the
outbox) has no label; sums over all processes are `sum without (worker) (…)`. A worker that gives no
answer in time is missing from that scrape, and `atoll_workers` counts those that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from atoll.http import Handler, allow_only
from storage_node.workers.wire import Family

LABEL = "worker"
_ONCE = {"atoll_build_info"}  # who this is; said by home for all


class Told(Protocol):
    """The crew."""

    @property
    def restarts(self) -> int: ...

    async def families(self) -> dict[int, list[Family]]: ...


def families_of(registry: CollectorRegistry) -> list[Family]:
    """What a worker tells."""
    return [
        Family(
            metric.name,
            metric.type,
            metric.documentation,
            [(s.name, dict(s.labels), float(s.value)) for s in metric.samples],
        )
        for metric in registry.collect()
        if metric.name not in _ONCE
    ]


class _Merged(CollectorRegistry):
    """A scrape's own registry: what was collected, as if it were collected now."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        super().__init__()
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def merged(
    own: Iterable[Metric], workers: Mapping[int, list[Family]], restarts: int = 0
) -> CollectorRegistry:
    """Home's metrics and the workers', each family once."""
    families: dict[str, Metric] = {}
    for metric in own:
        copy = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
        copy.samples += metric.samples
    for number, told in sorted(workers.items()):
        for family in told:
            metric = families.setdefault(family.name, Metric(family.name, family.help, family.kind))
            for name, labels, value in family.samples:
                metric.add_sample(name, {**labels, LABEL: str(number)}, value)
    there = GaugeMetricFamily("atoll_workers", "Worker processes that answered, home not among them.")
    there.add_metric([], len(workers))
    again = CounterMetricFamily("atoll_worker_restarts", "Workers that were started again.", value=restarts)
    return _Merged([*families.values(), there, again])


def metrics_of_all(registry: CollectorRegistry, crew: Told, networks: Sequence[str]) -> Handler:
    """As `atoll.metrics.metrics_handler`, for all processes."""
    check = allow_only(networks)

    async def handle(request: web.Request) -> web.Response:
        check(request)
        text = generate_latest(merged(registry.collect(), await crew.families(), crew.restarts))
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return handle
