"""The routing table: every path with its method and the scope a caller needs, and what surrounds a handler.

Owns that no path is open by forgetting: a route names its scope or says `None`, which means anyone. Refuses
a missing or unknown key (401), a key without the scope (403), a limited key where the whole cluster is meant
(403) before the handler runs, other methods (405) and other paths (404). Every answer leaves through
`_answering`: measured, and if it is an error, as a problem document. aiohttp's middlewares would do the same,
at twice the cost of resolving an image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aiohttp import web

from atoll.api_keys import check_unlimited
from atoll.errors import TooManyRequests
from atoll.http import Handler, problems
from query_service.audit_guard import Trail, audited
from query_service.callers import SESSION, Callers
from query_service.key_reach import API_KEY
from query_service.packing import packed
from query_service.throttling import COUNTED, Throttling, refusal_response, tell_limit

UNMATCHED = "unmatched"

# What a route means to an API key that is limited to buckets or prefixes: no key is asked for; nothing of a
# bucket is shown; it concerns the whole cluster, so a limited key is refused; the handler holds what it
# touches against the key (key_reach.py).
Reach = Literal["anyone", "cluster", "whole", "inside"]


@dataclass(frozen=True)
class Route:
    """One path. With `unread_body` the client is not told to go on sending (`Expect: 100-continue`).

    `at_once` answers, with what is in memory, before the router is asked (hot_front.py).
    Without a `reach` it counts as "whole", and a test fails: each route decides. `dress` is shown every
    answer last, what was refused before the handler included; it must not raise.
    """

    method: str
    path: str
    scope: str | None
    handler: Handler
    unread_body: bool = False
    reach: Reach | None = None
    audit: bool | None = None
    dress: Callable[[web.Request, web.StreamResponse], None] | None = None
    at_once: Callable[[web.Request, str], Any] | None = None

    @property
    def audited(self) -> bool:
        """Whether who did it, and how it ended, is recorded: what administrators change, unless it says."""
        return self.scope == "admin" and self.method != "GET" if self.audit is None else self.audit


class Meter(Protocol):
    """Takes one answered request; called for each, so it must be cheap."""

    def __call__(self, method: str, route: str, status: int, seconds: float) -> None: ...


@dataclass(frozen=True)
class Door:
    """What stands before every handler. Without `trail` nothing is audited, as `service` names us there."""

    callers: Callers
    throttling: Throttling
    trail: Trail | None = None
    service: str = ""


def add_routes(router: web.UrlDispatcher, routes: Sequence[Route], door: Door, meter: Meter) -> None:
    """Put the routes into `router`. The first that matches a path wins; whatever matches none is refused."""
    for route in routes:
        guarded = _guarded(route, door)
        if route.audited and door.trail is not None:
            guarded = audited(guarded, door.trail, door.service)
        handler = _answering(guarded, route.path, meter)
        if route.dress is not None:
            handler = _dressed(handler, route.dress)
        expect = _stay_silent if route.unread_body else _go_on
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            router.add_route(method, route.path, handler, expect_handler=expect)
    for path, methods in _methods(routes).items():
        refusal = _answering(_refusing(methods), path, meter)
        router.add_route("*", path, refusal, expect_handler=_stay_silent)
    nowhere = _answering(_not_found, UNMATCHED, meter)
    router.add_route("*", "/{path:.*}", nowhere, expect_handler=_stay_silent)


def _guarded(route: Route, door: Door) -> Handler:
    """The handler behind the route's scope and reach, and behind how often it may be asked."""
    scope, handler, limited_may = route.scope, route.handler, route.reach in {"cluster", "inside"}
    check, throttling = door.callers.check, door.throttling
    if scope is None:
        return handler if route.reach != "inside" else _anonymous(handler, throttling)

    at_once = throttling.keys.spend

    async def guarded(request: web.Request) -> web.StreamResponse:
        key = check(request, scope)
        if not limited_may:
            check_unlimited(key)
        request[API_KEY] = key
        request[COUNTED] = (throttling.keys, key.id)
        if not at_once(key.id):
            try:
                await throttling.keys.wait(key.id)
            except TooManyRequests as error:
                return refusal_response(error)
        return await handler(request)

    return guarded


def _anonymous(handler: Handler, throttling: Throttling) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            await throttling.admit_address(request)
        except TooManyRequests as error:
            return refusal_response(error)
        return await handler(request)

    return guarded


def _answering(handler: Handler, path: str, meter: Meter) -> Handler:
    clock = time.perf_counter

    async def answer(request: web.Request) -> web.StreamResponse:
        started = clock()
        response = await problems(request, handler)
        tell_limit(request, response)
        if SESSION in request:
            await packed(request, response)
        meter(request.method, path, response.status, clock() - started)
        return response

    return answer


def _dressed(handler: Handler, dress: Callable[[web.Request, web.StreamResponse], None]) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        dress(request, response)
        return response

    return answer


def _methods(routes: Iterable[Route]) -> dict[str, list[str]]:
    """The methods of each path."""
    methods: dict[str, list[str]] = {}
    for route in routes:
        methods.setdefault(route.path, []).extend(
            ["GET", "HEAD"] if route.method == "GET" else [route.method]
        )
    return methods


def _refusing(methods: Sequence[str]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return refuse


async def _not_found(request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


async def _go_on(request: web.Request) -> None:
    """To `Expect: 100-continue`, from a client that waits to send its JSON."""
    if request.version >= (1, 1) and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # it is no part of the answer's size


async def _stay_silent(_: web.Request) -> None:
    """No `100 Continue`: the answer comes at once, and a client that waits for it sends no body here."""
