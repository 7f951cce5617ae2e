"""Which web pages may use this node: each bucket's list of origins, and preflights (Fetch standard, CORS).

A browser reads an answer only if it names the page's origin. The bucket decides, and which bucket is meant a
ticket, a resumable upload or the path says:

    uploads           pages of the bucket's origins, and the web app's page that asked for the ticket: the
                      query service wrote it in; without a ticket that opens anything, of any bucket's: a page
                      that may upload somewhere is to understand why it may not here
    public images     any page, as always: whoever asks gets them anyway
    private images    pages of the bucket's origins, with a signed URL
    everything else   none

This protects readers of pages, not the node: who has a ticket or a signed URL may use it from any program. No
cookie counts here, so `Access-Control-Allow-Credentials` is never said. Called by app.py: a middleware for
preflights and a signal for all other answers; the hot path (hot_path.py) has its own for public images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from aiohttp import web
from multidict import CIMultiDict

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.errors import AtollError, Forbidden
from atoll.http import Handler
from storage_node.blob_headers import SHOWN
from storage_node.tus_address import PREFIX as TUS

UPLOADS = "/v1/uploads"
PREFLIGHT_SECONDS = 7200  # Chromium believes no more
_ANY = "*"
_PREFLIGHT = "Access-Control-Request-Method"
_SEND = {
    "Access-Control-Allow-Methods": "PUT, POST",
    "Access-Control-Allow-Headers": "Content-Type, X-Atoll-Filename, X-Requested-With",
}
_READ = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Range, If-Match, If-None-Match, If-Range",
}
_SENT_SHOWN = "Location, Retry-After"
_CLOSED = ("/internal/", "/health", "/metrics")


class UploadPages(NamedTuple):
    """Whose pages may send an upload: those of a bucket's origins, and of one more (web app; "": none)."""

    bucket: str
    origin: str = ""


PAGES = web.RequestKey("pages", UploadPages)  # in the request: of the ticket that was opened for it
OfTicket = Callable[[web.Request], UploadPages]  # of the ticket that a request brings; AtollError
OfUpload = Callable[[web.Request], UploadPages | None]  # of the resumable upload at a path, if it is known


class MapView(Protocol):
    """The cluster map now."""

    @property
    def current(self) -> ClusterMap: ...


class Cors:
    """Answers preflights, and dresses what else is answered."""

    def __init__(self, cluster: MapView, of_ticket: OfTicket, of_upload: OfUpload) -> None:
        self._cluster, self._of_ticket, self._of_upload = cluster, of_ticket, of_upload

    def add_to(self, app: web.Application) -> None:
        """Dress all answers of `app`."""
        app.on_response_prepare.append(self.dress)

    @web.middleware
    async def preflights(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A middleware: what a browser asks before a page's request. `Forbidden` says what is needed."""
        if request.method != "OPTIONS" or not _is_preflight(request):
            return await handler(request)
        if request.path.startswith(_CLOSED):
            return await handler(request)
        if self._allowed(request) is None:
            raise Forbidden(
                "Pages of this origin may not use this bucket here: put the origin into the bucket's `cors`.",
                origin=request.headers["Origin"][:300],
            )
        if _is_tus(request.path):
            return await handler(
                request
            )  # the answer to OPTIONS is the protocol's own; `dress` does the rest
        headers = _SEND if request.path == UPLOADS else _READ
        return web.Response(status=204, headers={**headers, "Access-Control-Max-Age": str(PREFLIGHT_SECONDS)})

    async def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`: on every answer, refusals and our own failures included."""
        path, headers = request.path, response.headers
        if path.startswith(_CLOSED):
            return
        policy = self._policy(request)
        if policy == _ANY:
            headers.setdefault("Access-Control-Allow-Origin", _ANY)
        elif policy:
            _add_vary(headers)
            if (origin := self._allowed(request)) is not None:
                headers["Access-Control-Allow-Origin"] = origin
        if policy and not _is_tus(path) and "Access-Control-Allow-Methods" not in headers:
            headers["Access-Control-Expose-Headers"] = _SENT_SHOWN if path == UPLOADS else SHOWN

    def _allowed(self, request: web.Request) -> str | None:
        """What `Access-Control-Allow-Origin` is to this request; None: nothing."""
        policy, origin = self._policy(request), request.headers.get("Origin")
        if policy == _ANY:
            return _ANY
        return origin if origin is not None and origin in policy else None

    def _policy(self, request: web.Request) -> str | tuple[str, ...]:
        """`*`, or the origins that may."""
        path = request.path
        sends = path == UPLOADS or _is_tus(path)
        pages = self._senders(request) if sends else UploadPages(path[1:].partition("/")[0])
        buckets = self._cluster.current.buckets
        if pages is None:
            return _any_of(buckets.values())
        bucket = buckets.get(pages.bucket)
        if bucket is None:
            return ()
        if _ANY in bucket.cors or (not sends and bucket.visibility == "public"):
            return _ANY
        return (*bucket.cors, pages.origin) if pages.origin else bucket.cors

    def _senders(self, request: web.Request) -> UploadPages | None:
        """Who may send what this request sends, as far as it tells."""
        if PAGES in request:
            return request[PAGES]
        if request.path.startswith(TUS + "/"):
            return self._of_upload(request)
        try:
            return self._of_ticket(request)
        except AtollError:
            return None


def _is_preflight(request: web.Request) -> bool:
    return _PREFLIGHT in request.headers and "Origin" in request.headers


def _is_tus(path: str) -> bool:
    return path == TUS or path.startswith(TUS + "/")


def _any_of(buckets: Iterable[Bucket]) -> str | tuple[str, ...]:
    """What any of these allows."""
    origins = {origin for bucket in buckets for origin in bucket.cors}
    return _ANY if _ANY in origins else tuple(origins)


def _add_vary(headers: CIMultiDict[str]) -> None:
    """A cache may not give one page's answer to another."""
    known = headers.get("Vary", "")
    if "Origin" not in known:
        headers["Vary"] = f"{known}, Origin" if known else "Origin"
