"""GET /v1/jobs/{job}/events: a job's progress as server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each event is the whole job, `event: progress`, and at the end `event: end`, after which the stream closes.
Its id says what was seen: a browser that reconnects sends it as Last-Event-ID and is not told the same
again – nor does it miss anything, for what counts is how far the job is now. A comment every few
seconds keeps proxies from closing a connection on which nothing moves. Bounded: so many streams at once, each
for so long.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from atoll.errors import TooManyRequests
from atoll.http import SAFE_HEADERS
from atoll.lifecycle import Stop
from query_service.catalog_errors import CatalogUnavailable
from query_service.job_documents import FINAL
from query_service.job_store import JobStore
from query_service.job_views import UrlOf, view_of
from query_service.job_wire import JobView
from query_service.jobs_api import FoundJobs
from query_service.query_input import check_query
from query_service.routing import Route

LOOK_SECONDS = 0.5
RETRY_MS = 2000


@dataclass(frozen=True)
class StreamRules:
    """Streams at once; seconds between signs of life, and of a stream's whole life."""

    at_once: int
    heartbeat_seconds: float
    longest_seconds: float = 3600.0


class JobEventsApi:
    """`stop` ends all streams: their readers come back to another service. `clock`: monotonic seconds."""

    def __init__(
        self,
        store: JobStore,
        found: FoundJobs,
        url_of: UrlOf,
        rules: StreamRules,
        stop: Stop,
        clock: Callable[[], float],
    ) -> None:
        self._store, self._found, self._url_of = store, found, url_of
        self._rules, self._stop, self._clock = rules, stop, clock
        self._open = 0

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/jobs/{job}/events", "read", self.events, reach="inside")]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream."""
        check_query(request, ())
        facts, document = await self._found.find(request)
        if self._open >= self._rules.at_once:
            raise TooManyRequests(
                "Too many event streams are open here.", limit=self._rules.at_once, retry_after=5
            )
        self._open += 1
        try:
            response = await _begun(request)
            if request.method != "HEAD":
                await self._tell(response, facts.id, document, request.headers.get("Last-Event-ID", ""))
        finally:
            self._open -= 1
        return response

    async def _tell(
        self, response: web.StreamResponse, job: str, document: Mapping[str, Any] | None, seen: str
    ) -> None:
        """Until the job has ended, the reader has gone, or it has lasted too long."""
        begun = said = self._clock()
        try:
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            while self._clock() - begun < self._rules.longest_seconds:
                view = view_of(document, self._url_of) if document else None
                if view is not None and (identity := _identity(view)) != seen:
                    await response.write(_event(view, identity))
                    seen, said = identity, self._clock()
                elif self._clock() - said >= self._rules.heartbeat_seconds:
                    await response.write(b": alive\n\n")
                    said = self._clock()
                if view is None or view.state in FINAL or await self._stop.sleep(LOOK_SECONDS):
                    return
                document = await self._look(job, document)
        except (ConnectionError, asyncio.CancelledError):
            return  # the reader has gone

    async def _look(self, job: str, known: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        try:
            return await self._store.get(job)
        except CatalogUnavailable:
            return known  # nothing new can be heard now; the stream stays


async def _begun(request: web.Request) -> web.StreamResponse:
    headers = {
        **SAFE_HEADERS,
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would hold back what is small
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    return response


def _identity(view: JobView) -> str:
    return hashlib.sha256(msgspec.json.encode(view)).hexdigest()[:16]


def _event(view: JobView, identity: str) -> bytes:
    name = "end" if view.state in FINAL else "progress"
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (identity.encode(), name.encode(), msgspec.json.encode(view))
