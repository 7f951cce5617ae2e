"""The routing table: every path with its method and the scope a caller needs.

Owns that no path is open by forgetting: a route names its scope or says `None`, which means anyone.
Refuses a missing or unknown key (401) and a key without the scope (403) before the handler runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from atoll.api_keys import ApiKeys
from atoll.http import Handler


@dataclass(frozen=True)
class Route:
    """One path. With `unread_body` the client is not told to go on sending (`Expect: 100-continue`)."""

    method: str
    path: str
    scope: str | None
    handler: Handler
    unread_body: bool = False


def add_routes(app: web.Application, routes: Iterable[Route], keys: ApiKeys) -> None:
    """Put the routes into `app`, each behind its scope. The first that matches a path wins."""
    for route in routes:
        handler = route.handler if route.scope is None else _guarded(route.handler, route.scope, keys)
        if route.method == "GET":
            app.router.add_get(route.path, handler)  # and HEAD
        elif route.unread_body:
            app.router.add_route(route.method, route.path, handler, expect_handler=_stay_silent)
        else:
            app.router.add_route(route.method, route.path, handler)


def _guarded(handler: Handler, scope: str, keys: ApiKeys) -> Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        keys.check(request.headers, scope)
        return await handler(request)

    return guarded


async def _stay_silent(_: web.Request) -> None:
    """No `100 Continue`: the answer comes at once, and a client that waits for it sends no body here."""
