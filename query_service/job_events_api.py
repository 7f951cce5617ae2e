"""GET /v1/jobs/{job}/events: a job's progress as server-sent events (event_streams.py).

Each event is the whole job, `event: progress`, and at the end `event: end`, after which the stream closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from query_service.catalog_errors import CatalogUnavailable
from query_service.event_streams import EventStreams, Word
from query_service.job_documents import FINAL
from query_service.job_store import JobStore
from query_service.job_views import UrlOf, view_of
from query_service.jobs_api import FoundJobs
from query_service.key_reach import API_KEY
from query_service.query_input import check_query
from query_service.routing import Route

LOOK_SECONDS = 0.5
LONGEST_SECONDS = 3600.0


class JobEventsApi:
    """Tells how far jobs are."""

    def __init__(self, store: JobStore, found: FoundJobs, url_of: UrlOf, streams: EventStreams) -> None:
        self._store, self._found, self._url_of, self._streams = store, found, url_of, streams

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/jobs/{job}/events", "read", self.events, reach="inside")]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream."""
        check_query(request, ())
        facts, document = await self._found.find(request)
        look = _JobLook(self._store, facts.id, document, self._url_of)
        return await self._streams.answer(
            request, look, key=request[API_KEY].id, every=LOOK_SECONDS, longest=LONGEST_SECONDS
        )


class _JobLook:
    """A job, looked up anew each time but the first; while the catalog is away it is as it was."""

    def __init__(self, store: JobStore, job: str, document: Mapping[str, Any] | None, url_of: UrlOf) -> None:
        self._store, self._job, self._document, self._url_of = store, job, document, url_of
        self._looked = False

    async def __call__(self) -> Word | None:
        if self._looked:
            await self._look()
        self._looked = True
        view = view_of(self._document, self._url_of) if self._document else None
        if view is None:
            return None
        ended = view.state in FINAL
        return Word("end" if ended else "progress", msgspec.json.encode(view), last=ended)

    async def _look(self) -> None:
        try:
            self._document = await self._store.get(self._job)
        except CatalogUnavailable:
            return  # nothing new can be heard now; the stream stays
