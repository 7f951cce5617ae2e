"""GET and POST /internal/v1/scrub, and the scrubber's metrics."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from atoll.http import json_response, read_json
from atoll.scrub_api import ScrubOrder
from storage_node.internal_auth import InternalAuth
from storage_node.scrub import Scrubber

_PATH = "/internal/v1/scrub"


class ScrubRoutes:
    """The handlers."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """Serve them, for our own daemons only."""
        app.router.add_get(_PATH, auth.guard(self._status), allow_head=False)
        app.router.add_post(_PATH, auth.guard(self._order))

    async def _status(self, _request: web.Request) -> web.Response:
        return json_response(self._scrubber.status())

    async def _order(self, request: web.Request) -> web.Response:
        order = await read_json(request, ScrubOrder)
        await self._scrubber.pause(order.paused)
        return json_response(self._scrubber.status())


class ScrubCollector(Collector):
    """Read when /metrics is."""

    def __init__(self, scrubber: Scrubber, registry: CollectorRegistry) -> None:
        self._scrubber = scrubber
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        scrubber, facts = self._scrubber, self._scrubber.facts
        for name, doc, count in (
            ("blobs", "Blobs read again and found right.", scrubber.blobs),
            ("bytes", "Bytes read again.", scrubber.reading.bytes),
            ("bad_copies", "Bad copies found and put into quarantine.", scrubber.bad),
            ("decoded", "Pictures decoded again.", scrubber.decoded),
        ):
            yield CounterMetricFamily(f"atoll_scrub_{name}", doc, value=count)
        for name, doc, value in (
            ("oldest_seconds", "Since the blob was read that was read longest ago.", scrubber.oldest_seconds),
            ("overdue", "Blobs that were not read within the period.", facts.overdue),
            ("progress", "Of the round under way, 0 to 1.", facts.progress),
            ("rate_bytes", "Bytes a second aimed at.", scrubber.reading.rate),
            ("unreadable", "Blobs with right bytes that cannot be decoded.", facts.unreadable),
            ("paused", "1 while paused by an operator.", float(facts.paused)),
        ):
            yield GaugeMetricFamily(f"atoll_scrub_{name}", doc, value=value)
