"""POST /v1/uploads/by-url: images that the cluster fetches itself, as a job.

No image byte comes here: the order gets a ticket as every upload does, one for all its URLs as for N files,
and processors of the ticket's set and region do the fetching (storage_node/jobs/fetch_job.py), a task a URL.
Off until a bucket names hosts (`fetch_hosts`). What can be refused without asking anybody is refused here, at
once and whole: the form of each URL, its host, its port. Where its name leads is checked by who connects.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aiohttp import web
from msgspec import structs

from atoll.bucket import Bucket
from atoll.errors import BadRequest, OutwardRefused, TooManyFiles
from atoll.http import json_response, read_json
from atoll.ids import derived_id, new_id, now_ms
from atoll.jobs import FetchWork, JobFacts
from atoll.outward_url import host_allowed, parse_url
from atoll.signing import Keys, Ticket, open_ticket
from query_service.audit_guard import audit_facts
from query_service.by_url_wire import FetchOrdered, UrlOrder
from query_service.cluster_view import Views
from query_service.job_dispatch import JobDispatch
from query_service.job_store import JobStore
from query_service.job_views import view_of
from query_service.key_reach import API_KEY, check_name
from query_service.query_input import POSITION, check_query
from query_service.routing import Route
from query_service.uploads_api import UploadsApi

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class FetchRules:
    """`ports` that a URL may name; `urls` in one order; for how many `days` a job is remembered."""

    ports: Collection[int]
    urls: int
    days: int


class ByUrlApi:
    """`uploads` gives tickets."""

    def __init__(
        self,
        uploads: UploadsApi,
        views: Views,
        keys: Keys,
        dispatch: JobDispatch,
        store: JobStore,
        rules: FetchRules,
        max_json_bytes: int,
    ) -> None:
        self._uploads, self._views, self._keys = uploads, views, keys
        self._dispatch, self._store = dispatch, store
        self._rules, self._max_json_bytes = rules, max_json_bytes

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("POST", "/v1/uploads/by-url", "write", self.order, reach="inside")]

    async def order(self, request: web.Request) -> web.Response:
        """202 with the job, once all of it is in its queue."""
        check_query(request, POSITION)
        order = await read_json(request, UrlOrder, self._max_json_bytes)
        check_name(request, order.bucket, order.public_id)
        urls = self._checked(order)
        view = await self._uploads.issue(request, structs.replace(order, files=len(urls)))
        ticket = self._ticket(view.ticket)
        facts = _facts(ticket, request[API_KEY].id, len(urls))
        audit_facts(request, job=facts.id)
        work = [(view.region, view.set, FetchWork(url, ticket, file)) for file, url in enumerate(urls)]
        await self._dispatch.start(facts, self._dispatch.tasks(facts.id, work))
        headers = {"Cache-Control": "no-store", "Location": f"/v1/jobs/{facts.id}"}
        return json_response(await self._ordered(facts, ticket), 202, headers)

    def _ticket(self, token: str) -> Ticket:
        """Good for as long as a task may be tried: nodes know by it what they stored, and store it once."""
        ticket, now = open_ticket(token, self._keys, now_ms()), now_ms()
        return structs.replace(ticket, expires_at=now + self._rules.days * _DAY_MS)

    async def _ordered(self, facts: JobFacts, ticket: Ticket) -> FetchOrdered | None:
        job = view_of(await self._store.get(facts.id) or {}, lambda _: "")
        ids = tuple(derived_id(ticket.asset_id, file) for file in range(facts.items))
        return None if job is None else FetchOrdered(**structs.asdict(job), asset_ids=ids)

    def _checked(self, order: UrlOrder) -> list[str]:
        """The URLs in their one form."""
        texts = _texts(order)
        if len(texts) > self._rules.urls:
            raise TooManyFiles(
                f"One order names at most {self._rules.urls} URLs.", limit=self._rules.urls, got=len(texts)
            )
        bucket = self._views.current().cluster.bucket(order.bucket)
        if not bucket.fetch_hosts:
            raise OutwardRefused(
                "This bucket fetches nothing. An administrator may name hosts in its fetch_hosts.",
                bucket=bucket.name,
            )
        return [self._one(text, bucket) for text in texts]

    def _one(self, text: str, bucket: Bucket) -> str:
        url = parse_url(text, self._rules.ports)
        if not host_allowed(url.host, bucket.fetch_hosts):
            raise OutwardRefused(
                f"{url.host} is not among the hosts that this bucket fetches from (fetch_hosts).",
                host=url.host,
            )
        return str(url)


def _texts(order: UrlOrder) -> Sequence[str]:
    """What is to be fetched; `BadRequest` for what means nothing where no form and no file is sent."""
    if order.files != 1:
        raise BadRequest("A URL is one file: leave files out.", parameter="files", got=order.files)
    if order.form_fields:
        raise BadRequest("No form is sent here: leave form_fields out.", parameter="form_fields")
    if (order.url is None) == (order.urls is None):
        raise BadRequest("Say url, or urls for several: one of them.", parameter="url")
    if order.urls is not None:
        return order.urls
    return [] if order.url is None else [order.url]


def _facts(ticket: Ticket, key_id: str, urls: int) -> JobFacts:
    now = now_ms()
    return JobFacts(
        new_id(now), "fetch", ticket.bucket, ticket.public_id or "", key_id, now, tasks=urls, items=urls
    )
