"""PUT and POST /v1/uploads: bytes in by ticket, one image raw or many as multipart, each durable by itself.

Owns the HTTP side only: the ticket, names, limits and the pace of the body. What happens to the bytes is
ingest.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from atoll import names
from atoll.cluster_map import LiveClusterMap
from atoll.errors import (
    AtollError,
    BadRequest,
    BodyMismatch,
    BodyTimeout,
    Overloaded,
    TicketInvalid,
    TooManyFiles,
    WrongNode,
)
from atoll.http import json_response
from atoll.metrics import LATENCY_BUCKETS
from atoll.model import AssetRecord
from atoll.node_api import view_of
from atoll.signing import Keys, Ticket, open_ticket
from storage_node.body_pace import paced, too_large
from storage_node.ingest import Ingest, Upload
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.space import SpaceGuard
from storage_node.spool import Spool
from storage_node.store import BlobStore
from storage_node.upload_form import UploadForm
from storage_node.upload_policy import max_bytes, upload_of

FILENAME_HEADER = "X-Atoll-Filename"
_FORM = "multipart/form-data"


@dataclass(frozen=True)
class UploadParts:
    """What the upload routes are made of; built in app.py."""

    settings: NodeSettings
    keys: Keys
    cluster: LiveClusterMap
    store: BlobStore
    ingest: Ingest
    space: SpaceGuard
    origin: Origin
    threads: Executor
    spool_threads: Executor


class UploadsApi:
    """The upload routes of one node."""

    def __init__(self, parts: UploadParts, registry: CollectorRegistry) -> None:
        self._parts, self._settings = parts, parts.settings
        self._under_way = 0
        self._uploads = Counter("atoll_uploads", "Files taken, by result.", ["result"], registry=registry)
        self._bytes = Counter("atoll_upload_bytes", "Bytes of images taken.", registry=registry)
        self._seconds = Histogram(
            "atoll_upload_seconds",
            "From the complete body to durable.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        gauge = Gauge("atoll_uploads_under_way", "Requests that upload now.", registry=registry)
        gauge.set_function(lambda: self._under_way)

    @property
    def under_way(self) -> int:
        """Upload requests being served now."""
        return self._under_way

    def add_routes(self, app: web.Application) -> None:
        """Serve /v1/uploads."""
        app.router.add_put("/v1/uploads", self._handle)
        app.router.add_post("/v1/uploads", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        ticket = self._ticket(request)
        if self._under_way >= self._settings.max_uploads:
            raise Overloaded(
                "This node takes no more uploads at once.", limit=self._settings.max_uploads, retry_after=1
            )
        self._under_way += 1
        try:
            if request.content_type == _FORM:
                return await self._take_form(request, ticket)
            return await self._take_raw(request, ticket)
        finally:
            self._under_way -= 1

    def _ticket(self, request: web.Request) -> Ticket:
        token = request.query.get("ticket")
        if not token:
            raise TicketInvalid(
                "Add ?ticket=… to the URL. The query service gives tickets: POST /v1/uploads."
            )
        ticket = open_ticket(token, self._parts.keys, self._parts.origin.now_ms())
        if ticket.node != self._settings.name:
            raise WrongNode(
                f"This ticket is for node {ticket.node}; this is {self._settings.name}.", node=ticket.node
            )
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadRequest("Send the image's own bytes, without Content-Encoding.")
        return ticket

    async def _take_raw(self, request: web.Request, ticket: Ticket) -> web.Response:
        filename = request.headers.get(FILENAME_HEADER)
        if filename is not None:
            filename = names.check_filename(_percent_decoded(filename))
        limit = self._max_bytes(ticket)
        if request.content_length is not None and request.content_length > limit:
            raise too_large(limit, request.content_length)
        upload = self._upload(ticket, 0, filename, request.headers.get("Content-Type"))
        expected = request.content_length if request.content_length is not None else limit
        body = self._paced(request.content.readany, limit)
        record = await self._take(body, upload, expected)
        return json_response(view_of(record, self._settings.public_url), status=201)

    async def _take_form(self, request: web.Request, ticket: Ticket) -> web.Response:
        """Each part named `file`, one after another; every one stands or falls by itself."""
        form = UploadForm(request, self._paced)
        results: list[dict[str, Any]] = []
        async for part in form.files():
            if len(results) >= ticket.max_files:
                raise TooManyFiles(
                    f"This ticket is for {ticket.max_files} files; those before this one are dealt with.",
                    limit=ticket.max_files,
                    results=results,
                )
            results.append(await self._take_part(form, part, ticket, len(results)))
        if not results:
            raise BadRequest("The form has no part named 'file'.")
        if ticket.max_files == 1:
            return _single(results[0])
        stored = all(result["status"] == 201 for result in results)
        return json_response({"results": results}, status=201 if stored else 207)

    async def _take_part(
        self, form: UploadForm, part: BodyPartReader, ticket: Ticket, file: int
    ) -> dict[str, Any]:
        limit = self._max_bytes(ticket)
        try:
            filename = names.check_filename(part.filename) if part.filename else None
            upload = self._upload(ticket, file, filename, part.headers.get("Content-Type"))
            record = await self._take(form.body(part, limit), upload, 0)
        except (BodyMismatch, BodyTimeout):
            raise  # the request itself is broken: there is no next part
        except AtollError as error:
            await form.skip(part, limit)
            return {"status": error.status, "problem": error.problem()}
        return {"status": 201, "asset": view_of(record, self._settings.public_url)}

    def _max_bytes(self, ticket: Ticket) -> int:
        return max_bytes(ticket, self._settings, self._parts.cluster.current)

    def _upload(self, ticket: Ticket, file: int, filename: str | None, content_type: str | None) -> Upload:
        return upload_of(ticket, file, filename, content_type, self._settings, self._parts.cluster.current)

    def _paced(self, read: Callable[[], Awaitable[bytes]], limit: int) -> AsyncIterator[bytes]:
        return paced(
            read,
            max_bytes=limit,
            idle_seconds=self._settings.upload_idle_seconds,
            min_rate=self._settings.upload_min_bytes_per_second,
        )

    async def _take(self, body: AsyncIterator[bytes], upload: Upload, expected: int) -> AssetRecord:
        try:
            with self._parts.space.promise(expected):
                record = await self._spool_and_accept(body, upload)
        except AtollError as error:
            self._uploads.labels(error.slug).inc()
            raise
        self._uploads.labels("stored").inc()
        self._bytes.inc(record.blob.size)
        return record

    async def _spool_and_accept(self, body: AsyncIterator[bytes], upload: Upload) -> AssetRecord:
        loop = asyncio.get_running_loop()
        spool = Spool(self._parts.store, self._parts.spool_threads)
        try:
            async for chunk in body:
                await spool.feed(chunk)
        except BaseException:
            await asyncio.shield(loop.run_in_executor(self._parts.spool_threads, spool.discard))
            raise
        with self._seconds.time():
            # From here on a client that goes away changes nothing: the upload is finished, and a retry
            # with the same ticket finds it.
            accepted = loop.run_in_executor(self._parts.threads, self._parts.ingest.accept, spool, upload)
            return await asyncio.shield(accepted)


def _single(result: dict[str, Any]) -> web.Response:
    if result["status"] == 201:
        return json_response(result["asset"], status=201)
    response = json_response(result["problem"], status=result["status"])
    response.content_type = "application/problem+json"
    return response


def _percent_decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest(f"{FILENAME_HEADER} is percent-encoded UTF-8.") from error
