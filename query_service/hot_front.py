"""The one question that is asked for every image anybody looks at, answered before routing.

`GET /v1/assets/{id}/url`, without a query, by a key that may read everything, of an asset in memory: key,
throttle and meter as behind the router (routing.py), then a prepared answer. Whatever is not so, and whatever
is to be refused, goes on to the application, which looks at it all again and answers the same more slowly.

Why not a route: aiohttp's router and headers cost as much as all the rest of the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from atoll.errors import AtollError
from atoll.http import Handler
from atoll.prepared import DateLine, Prepared, is_plain
from query_service.routing import Door, Meter, Route

_HEAD = "HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nContent-Type: application/json\r\n"
_encode = msgspec.json.Encoder().encode


def hot_front(
    routes: Sequence[Route], door: Door, meter: Meter, clock: Callable[[], float] = time.time
) -> Callable[[Handler], Handler]:
    """For `serve(front=…)`: the route with `at_once`, before all of them."""
    (route,) = (route for route in routes if route.at_once is not None)
    before, _, after = route.path.partition("{asset_id}")
    answer, date, tick = _answer(route, door), DateLine(clock), time.perf_counter

    def front(inner: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = request.raw_path
            if not (raw.startswith(before) and raw.endswith(after) and is_plain(request)):
                return await inner(request)
            began = tick()
            found = answer(request, raw[len(before) : -len(after)])
            if found is None:
                return await inner(request)
            head, body = found
            meter("GET", route.path, 200, tick() - began)
            return Prepared(head, body, date.line())

        return handle

    return front


def _answer(route: Route, door: Door) -> Callable[[web.Request, str], tuple[bytes, bytes] | None]:
    """Head and body to a request, or None: then nothing was counted."""
    check, throttle = door.callers.check, door.throttling.keys
    scope, find = route.scope or "", route.at_once
    assert find is not None

    def answer(request: web.Request, asset_id: str) -> tuple[bytes, bytes] | None:
        try:
            found = find(request, asset_id)  # first: what is not in memory goes on for the price of a look
            key = None if found is None else check(request, scope)
        except AtollError:
            return None
        if key is None or key.limited or not throttle.spend(key.id):
            return None
        body = _encode(found)
        limit = (
            ""
            if throttle.off
            else f"RateLimit-Policy: {throttle.policy}\r\nRateLimit: {throttle.left(key.id)}\r\n"
        )
        return f"{_HEAD}{limit}Content-Length: {len(body)}\r\n".encode("ascii"), body

    return answer
