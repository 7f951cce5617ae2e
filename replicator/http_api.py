"""GET /health and GET /metrics of the replicator."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry

from atoll.http import json_response, problems
from atoll.metrics import metrics_handler
from replicator.settings import ReplicatorSettings
from replicator.status import ReplicatorStatus


def make_http_app(
    settings: ReplicatorSettings, registry: CollectorRegistry, status: Callable[[], ReplicatorStatus]
) -> web.Application:
    """The application; /health is always 200: a replicator that waits for others is not ill."""

    async def health(request: web.Request) -> web.Response:
        return json_response(status(), headers={"Cache-Control": "no-store"})

    app = web.Application(middlewares=[problems])
    app.router.add_get("/health", health)
    app.router.add_get("/metrics", metrics_handler(registry, settings.metrics_allow))
    return app
