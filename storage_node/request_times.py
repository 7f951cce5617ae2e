"""Rate, errors and duration of a node's requests, by endpoint: the outermost middleware.

Public pictures in memory never come here: the hot path answers them before (hot_path.py), counts all of them
as `atoll_node_reads_total{source="ram"}` and times some (hot_times.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from atoll.http import Handler

CLIENT_LEFT = 499  # as nginx counts it: `problems` makes an answer of everything else
_CATCH_ALL = "/{path}"
Meter = Callable[[str, str, int, float], None]


def timed(meter: Meter, clock: Callable[[], float] = time.perf_counter) -> Middleware:
    """A middleware that gives `meter` method, route, status and seconds of every request."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, status = clock(), CLIENT_LEFT
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            status = answer.status
            raise
        else:
            status = response.status
            return response
        finally:
            meter(request.method, route_of(request), status, clock() - began)

    return handle


def route_of(request: web.Request) -> str:
    """The route's pattern; deliveries share one and are told by their length. Never a client's word."""
    resource = request.match_info.route.resource
    canonical = "unmatched" if resource is None else resource.canonical
    if canonical != _CATCH_ALL:
        return canonical
    slashes = request.path.count("/")
    if slashes < 3:
        return "unmatched"
    return "/{bucket}/{set}/{blob}" if slashes == 3 else "/{bucket}/{transformation}/{set}/{blob}"
