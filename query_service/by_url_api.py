"""POST /v1/uploads/by-url: an image that the cluster fetches itself, as a job.

No image byte comes here: the order gets a ticket as every upload does, and a processor of the ticket's set
and region does the fetching (storage_node/jobs/fetch_job.py). Off until a bucket names hosts (`fetch_hosts`).
What can be refused without asking anybody is refused here, at once: the form of the URL, its host, its port.
Where its name leads is checked by who connects.
"""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from atoll.errors import BadRequest, OutwardRefused
from atoll.http import json_response, read_json
from atoll.ids import new_id, now_ms
from atoll.jobs import FetchWork, JobFacts
from atoll.outward_url import host_allowed, parse_url
from atoll.signing import Keys, Ticket, open_ticket
from query_service.audit_guard import audit_facts
from query_service.by_url_wire import UrlOrder
from query_service.cluster_view import Views
from query_service.job_dispatch import JobDispatch
from query_service.job_store import JobStore
from query_service.job_views import view_of
from query_service.key_reach import API_KEY, check_name
from query_service.query_input import POSITION, check_query
from query_service.routing import Route
from query_service.uploads_api import UploadsApi


class ByUrlApi:
    """`ports` that a URL may name; `uploads` gives tickets."""

    def __init__(
        self,
        uploads: UploadsApi,
        views: Views,
        keys: Keys,
        dispatch: JobDispatch,
        store: JobStore,
        ports: Collection[int],
        max_json_bytes: int,
    ) -> None:
        self._uploads, self._views, self._keys = uploads, views, keys
        self._dispatch, self._store = dispatch, store
        self._ports, self._max_json_bytes = ports, max_json_bytes

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("POST", "/v1/uploads/by-url", "write", self.order, reach="inside")]

    async def order(self, request: web.Request) -> web.Response:
        """202 with the job, once it is in its queue."""
        check_query(request, POSITION)
        order = await read_json(request, UrlOrder, self._max_json_bytes)
        check_name(request, order.bucket, order.public_id)
        url = self._checked(order)
        view = await self._uploads.issue(request, order)
        ticket = open_ticket(view.ticket, self._keys, now_ms())
        facts = _facts(ticket, request[API_KEY].id)
        audit_facts(request, job=facts.id)
        work = (view.region, view.set, FetchWork(url, ticket))
        await self._dispatch.start(facts, self._dispatch.tasks(facts.id, [work]))
        job = view_of(await self._store.get(facts.id) or {}, lambda _: "")
        return json_response(job, 202, {"Cache-Control": "no-store", "Location": f"/v1/jobs/{facts.id}"})

    def _checked(self, order: UrlOrder) -> str:
        """The URL in its one form."""
        if order.files != 1:
            raise BadRequest("A URL is one file.", parameter="files", got=order.files)
        bucket = self._views.current().cluster.bucket(order.bucket)
        if not bucket.fetch_hosts:
            raise OutwardRefused(
                "This bucket fetches nothing. An administrator may name hosts in its fetch_hosts.",
                bucket=bucket.name,
            )
        url = parse_url(order.url, self._ports)
        if not host_allowed(url.host, bucket.fetch_hosts):
            raise OutwardRefused(
                f"{url.host} is not among the hosts that this bucket fetches from (fetch_hosts).",
                host=url.host,
            )
        return str(url)


def _facts(ticket: Ticket, key_id: str) -> JobFacts:
    now = now_ms()
    return JobFacts(
        new_id(now), "fetch", ticket.bucket, ticket.public_id or "", key_id, now, tasks=1, items=1
    )
