"""/v1/jobs: ordering, watching and cancelling heavy work.

Owns the routes but that of the event stream (job_events_api.py). A job is answered with 202 when all its
tasks are in their queues. A job that an upload has begun comes to the catalog by event, a moment after the
upload's answer: who asks for it in that moment waits a little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from msgspec import structs

from atoll.errors import Conflict, Forbidden, NotFound
from atoll.http import json_response, read_json
from atoll.ids import id_time_ms, now_ms
from atoll.jobs import JobFacts
from query_service.audit_guard import audit_facts
from query_service.job_dispatch import JobDispatch
from query_service.job_documents import FINAL, facts_of, summary
from query_service.job_planner import JobPlanner
from query_service.job_store import JobStore
from query_service.job_views import UrlOf, in_reach, view_of
from query_service.job_wire import ExportOrder, JobList, JobOrder, JobView
from query_service.key_reach import API_KEY, check_prefix, limited_key
from query_service.query_input import check_query, whole_number
from query_service.routing import Route

MAX_PAGE = 100
_FRESH = {"Cache-Control": "no-store"}
_LOOK_SECONDS, _FRESH_MS, _WAIT_SECONDS = 0.05, 30_000, 1.5
_ID_CHARS = frozenset("0123456789abcdefghjkmnpqrstvwxyz")


class FoundJobs:
    """One job by the id in a path, for whoever may see it."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def find(self, request: web.Request) -> tuple[JobFacts, Mapping[str, Any]]:
        """`NotFound` outside the key's reach, too."""
        job = request.match_info["job"]
        if len(job) == 26 and _ID_CHARS.issuperset(job):
            document = await self._document(job)
            facts = facts_of(document) if document else None
            if document is not None and facts is not None and in_reach(limited_key(request), facts):
                return facts, document
        raise NotFound("There is no such job.", job=job[:80])

    async def _document(self, job: str) -> Mapping[str, Any] | None:
        """A young job's event may still be under way."""
        document = await self._store.get(job)
        if abs(now_ms() - id_time_ms(job)) > _FRESH_MS + 900_000:  # an upload's job is as old as its ticket
            return document
        for _ in range(int(_WAIT_SECONDS / _LOOK_SECONDS)):
            if document is not None and facts_of(document) is not None:
                return document
            await asyncio.sleep(_LOOK_SECONDS)
            document = await self._store.get(job)
        return document


class JobsApi:
    """Orders go through `planner` and `dispatch`."""

    def __init__(
        self,
        store: JobStore,
        found: FoundJobs,
        planner: JobPlanner,
        dispatch: JobDispatch,
        url_of: UrlOf,
        max_json_bytes: int,
    ) -> None:
        self._store, self._found, self._planner, self._dispatch = store, found, planner, dispatch
        self._url_of, self._max_json_bytes = url_of, max_json_bytes

    def routes(self) -> list[Route]:
        """All but the event stream."""
        return [
            Route("POST", "/v1/jobs", "write", self.order, reach="inside"),
            Route("GET", "/v1/jobs", "read", self.list, reach="inside"),
            Route("GET", "/v1/jobs/{job}", "read", self.show, reach="inside"),
            Route("DELETE", "/v1/jobs/{job}", "write", self.cancel, reach="inside"),
        ]

    async def order(self, request: web.Request) -> web.Response:
        """202 with the job."""
        check_query(request, ())
        order: JobOrder = await read_json(request, JobOrder, self._max_json_bytes)  # type: ignore[arg-type]
        if isinstance(order, ExportOrder) and "read" not in request[API_KEY].scopes:
            raise Forbidden("An export gives images away: that needs the scope read as well.")
        if order.asset_ids is None:
            check_prefix(request, order.bucket, order.prefix or "")
        plan = await self._planner.plan(order, request[API_KEY].id, limited_key(request))
        audit_facts(request, job=plan.facts.id)
        await self._dispatch.start(plan.facts, plan.tasks)
        document = await self._store.get(plan.facts.id)
        headers = {**_FRESH, "Location": f"/v1/jobs/{plan.facts.id}"}
        return json_response(self._shown(document or {}), 202, headers)

    async def show(self, request: web.Request) -> web.Response:
        """How far it is."""
        check_query(request, ())
        _, document = await self._found.find(request)
        return json_response(self._shown(document), headers=_FRESH)

    async def list(self, request: web.Request) -> web.Response:
        """Jobs, the newest first; a limited key sees those it may."""
        check_query(request, {"bucket", "limit", "cursor"})
        limit = whole_number(request, "limit", 20, 1, MAX_PAGE)
        key, bucket = limited_key(request), request.query.get("bucket")
        by = key.id if key else None
        found = await self._store.page(bucket, by, request.query.get("cursor"), limit)
        seen = [doc for doc in found if (facts := facts_of(doc)) is not None and in_reach(key, facts)]
        views = tuple(self._shown(document) for document in seen)
        return json_response(
            JobList(views, found[-1]["_id"] if len(found) == limit else None), headers=_FRESH
        )

    async def cancel(self, request: web.Request) -> web.Response:
        """The job as it is then. Repeating it changes nothing; one that has ended cannot be cancelled.

        Who may not read is shown no files: their URLs are signed, and open private images.
        """
        check_query(request, ())
        facts, document = await self._found.find(request)
        state = summary(document).state
        if state in FINAL and state != "cancelled":
            raise Conflict(f"The job has ended: it is {state}.", job=facts.id, state=state)
        await self._dispatch.cancel(facts.id)
        view = self._shown(await self._store.get(facts.id) or document)
        if "read" not in request[API_KEY].scopes:
            view = structs.replace(view, files=())
        return json_response(view, headers=_FRESH)

    def _shown(self, document: Mapping[str, Any]) -> JobView:
        view = view_of(document, self._url_of)
        if view is None:
            raise NotFound("There is no such job.")
        return view
