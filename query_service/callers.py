"""Who asks: an API key in `Authorization`, or a session of the web app in a cookie. Pure.

A bearer key is believed as it is: no browser sends one by itself. A cookie it does send by itself, so a
request that comes with one must come from our own page:

    always       not from another site, if the browser says so (Sec-Fetch-Site, Fetch Metadata)
    to change    the header `X-Atoll-App`, which no form and no other page can send without a preflight, and
                 Sec-Fetch-Site `same-origin` or, where a browser does not send that (plain HTTP), our Origin

With both, the bearer key counts and the cookie is not looked at. Called by routing.py before every handler
with a scope, and by session_api.py.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from atoll.api_keys import ApiKey, ApiKeys
from atoll.errors import BadRequest, Forbidden, Unauthorized
from query_service.sessions import Session, Sessions

APP_HEADER = "X-Atoll-App"
SESSION = web.RequestKey("session", Session)  # in the request: the session it came with
SAFE_COOKIE, PLAIN_COOKIE = "__Host-atoll", "atoll"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OURS = {"same-origin", "none"}  # none: a person typed the address or followed a bookmark
_MAX_ORIGIN = 300


class Callers:
    """Finds and checks them. `public_url`: how browsers reach us, if that is not what `Host` says."""

    def __init__(self, keys: ApiKeys, sessions: Sessions, public_url: str | None) -> None:
        self._keys, self._sessions = keys, sessions
        self._own = _origin_of(public_url) if public_url else ""

    def check(self, request: web.Request, scope: str) -> ApiKey:
        """The API key that asks, if it has `scope`; `Unauthorized`, `Forbidden` or `BadRequest`."""
        headers = request.headers
        if "Cookie" not in headers or "Authorization" in headers:
            return self._keys.check(headers, scope)
        value = self.cookie(request)
        if value is None:
            return self._keys.check(headers, scope)
        self.check_page(request)
        key, session = self._sessions.read(value)
        request[SESSION] = session
        return self._keys.admit(key, scope)

    def cookie(self, request: web.Request) -> str | None:
        """The session's cookie. The plain one is not believed where we are reached by TLS: a neighbour's page
        (other.example.org) could have set it."""
        safe = request.cookies.get(SAFE_COOKIE)
        if safe is not None or self._own.startswith("https:"):
            return safe
        return request.cookies.get(PLAIN_COOKIE)

    def check_page(self, request: web.Request) -> None:
        """`Forbidden` or `BadRequest` unless the request comes from a page of ours."""
        headers = request.headers
        site = headers.get("Sec-Fetch-Site")
        if site is not None and site not in _OURS:
            raise Forbidden("A session is for pages of this web app only; other sites need an API key.")
        if request.method in _SAFE:
            return
        if APP_HEADER not in headers:
            raise BadRequest(
                f"A session changes something only with the header {APP_HEADER}.", header=APP_HEADER
            )
        if site != "same-origin" and not self._is_ours(request):
            raise Forbidden(
                "This page is not the web app's own. Behind a proxy that changes Host, set public_url.",
                origin=headers.get("Origin", "")[:_MAX_ORIGIN],
            )

    def is_safe(self, request: web.Request) -> bool:
        """Whether the browser reaches us by TLS: a cookie may then be kept to it."""
        return self._own.startswith("https:") or request.headers.get("Origin", "").startswith("https:")

    def _is_ours(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin", "")
        try:
            authority = urlsplit(origin).netloc
        except ValueError:  # "http://[x": no browser sends it, and it is nobody's page
            return False
        return bool(authority) and (authority == request.headers.get("Host") or origin == self._own)


def app_origin(request: web.Request) -> str:
    """The origin of the web app's page that asks by its session; "" for all others."""
    return request.headers.get("Origin", "")[:_MAX_ORIGIN] if SESSION in request else ""


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def session_of(callers: Callers, sessions: Sessions, request: web.Request) -> tuple[ApiKey, Session] | None:
    """Who is signed in; None: nobody, or not any more."""
    value = callers.cookie(request)
    if value is None:
        return None
    callers.check_page(request)
    try:
        return sessions.read(value)
    except Unauthorized:
        return None
