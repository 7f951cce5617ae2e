"""/app/session: signing in to the web app with an API key, out again, and who is signed in.

The key is in the request once; after that a cookie that scripts cannot read (HttpOnly), that other sites
cannot send (SameSite=Strict) and that does not hold it. Attempts are counted by address, and recorded with
what administrators do, as far as a key is known.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.access import Scope
from atoll.api_keys import MAX_KEY_CHARS, ApiKey
from atoll.http import json_response, read_json
from atoll.node_api import rfc3339
from query_service.callers import PLAIN_COOKIE, SAFE_COOKIE, Callers, session_of
from query_service.key_reach import API_KEY
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.sessions import Session, Sessions
from query_service.throttling import Throttling

_MAX_BODY = 4096
_FRESH = {"Cache-Control": "no-store"}


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has this API key."""

    key: Annotated[str, Meta(min_length=1, max_length=MAX_KEY_CHARS)]


class SignedIn(Struct, frozen=True):
    """An API key as its session may know it. No buckets, no prefixes: it is not limited."""

    key: str
    scopes: tuple[Scope, ...]
    buckets: tuple[str, ...]
    prefixes: tuple[str, ...]
    expires_at: str


class SessionView(Struct, frozen=True):
    """Who is signed in here; null: nobody, or not any more."""

    signed_in: SignedIn | None


class SessionApi:
    """The three routes. `throttling` counts attempts by address."""

    def __init__(self, sessions: Sessions, callers: Callers, throttling: Throttling) -> None:
        self._sessions, self._callers, self._throttling = sessions, callers, throttling

    def routes(self) -> list[Route]:
        """They stand beside the app's pages."""
        return [
            Route("GET", "/app/session", None, self.show, reach="anyone"),
            Route("POST", "/app/session", None, self.sign_in, reach="anyone", audit=True),
            Route("DELETE", "/app/session", None, self.sign_out, reach="anyone", audit=True),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Never an error for a session that has ended: a page asks this first."""
        check_query(request, ())
        found = session_of(self._callers, self._sessions, request)
        return json_response(SessionView(_view(*found) if found else None), headers=_FRESH)

    async def sign_in(self, request: web.Request) -> web.Response:
        """The session's cookie, for a key that is good."""
        check_query(request, ())
        await self._throttling.admit_sign_in(request)
        self._callers.check_page(request)
        order = await read_json(request, SignIn, _MAX_BODY)
        key, session = self._sessions.open(order.key)
        request[API_KEY] = key
        response = json_response(SessionView(_view(key, session)), headers=_FRESH)
        self._set_cookie(
            request, response, self._sessions.write(session), self._sessions.seconds_left(session)
        )
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """The cookie is taken out of this browser."""
        check_query(request, ())
        self._callers.check_page(request)
        if found := session_of(self._callers, self._sessions, request):
            request[API_KEY] = found[0]
        response = json_response(SessionView(None), headers=_FRESH)
        self._set_cookie(request, response, "", 0)
        return response

    def _set_cookie(self, request: web.Request, response: web.Response, value: str, seconds: int) -> None:
        safe = self._callers.is_safe(request)
        response.set_cookie(
            SAFE_COOKIE if safe else PLAIN_COOKIE,
            value,
            max_age=seconds,
            path="/",
            secure=safe,
            httponly=True,
            samesite="Strict",
        )


def _view(key: ApiKey, session: Session) -> SignedIn:
    return SignedIn(
        key.id, key.sorted_scopes, tuple(sorted(key.buckets)), key.prefixes, rfc3339(session.until)
    )
