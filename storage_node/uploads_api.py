"""PUT and POST /v1/uploads: bytes in by ticket, one image raw or many as multipart, each durable by itself.

Owns the HTTP side only: the ticket, names, limits and the pace of the body. What happens to the bytes is
upload_intake.py's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import BodyPartReader, web
from msgspec import UNSET
from prometheus_client import CollectorRegistry, Gauge

from atoll import names
from atoll.cluster_map import LiveClusterMap
from atoll.durability import LOCAL
from atoll.errors import (
    AtollError,
    BadRequest,
    BodyMismatch,
    BodyTimeout,
    NodeRemoved,
    Overloaded,
    TicketInvalid,
    TooManyFiles,
    Unavailable,
    WrongNode,
)
from atoll.http import json_response
from atoll.model import AssetRecord
from atoll.node_api import AssetView, DurabilityView, view_of
from atoll.signing import Keys, Ticket, open_ticket
from storage_node.body_pace import Pace, too_large
from storage_node.durability import Confirmer
from storage_node.ingest import Upload
from storage_node.origin import Origin
from storage_node.settings import NodeSettings
from storage_node.upload_form import UploadForm
from storage_node.upload_intake import UploadIntake
from storage_node.upload_policy import max_bytes, upload_of

READ_BYTES = 128 * 1024  # at once; what a slow disk holds up stays within the connection's own buffer
FILENAME_HEADER = "X-Atoll-Filename"
_FORM = "multipart/form-data"
_METHODS = ("PUT", "POST")


class UploadsApi:
    """The upload routes of one node. `stored` is told of each image that is about to be acknowledged."""

    def __init__(
        self,
        settings: NodeSettings,
        keys: Keys,
        origin: Origin,
        cluster: LiveClusterMap,
        intake: UploadIntake,
        confirmer: Confirmer,
        registry: CollectorRegistry,
        stored: Callable[[AssetRecord, Ticket], None] = lambda _record, _ticket: None,
    ) -> None:
        self._stored = stored
        self._settings, self._keys, self._origin = settings, keys, origin
        self._cluster, self._intake, self._confirmer = cluster, intake, confirmer
        self._pace = Pace(settings.upload_idle_seconds, settings.upload_min_bytes_per_second)
        self._under_way = 0
        gauge = Gauge("atoll_uploads_under_way", "Requests that upload now.", registry=registry)
        gauge.set_function(lambda: self._under_way)

    @property
    def under_way(self) -> int:
        """Upload requests being served now."""
        return self._under_way

    def add_routes(self, app: web.Application) -> None:
        """Serve /v1/uploads."""
        for method in _METHODS:
            app.router.add_route(method, "/v1/uploads", self._handle, expect_handler=_expect_later)
        app.router.add_route("*", "/v1/uploads", _refuse_method)

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
        ticket = open_ticket(token, self._keys, self._origin.now_ms())
        if (ticket.node, ticket.set) != (self._origin.node, self._origin.set):
            here = f"{self._origin.node} of set {self._origin.set}"
            raise WrongNode(
                f"This ticket is for node {ticket.node} of set {ticket.set}; this is {here}.",
                node=ticket.node,
            )
        me = self._cluster.current.nodes.get(self._origin.node)
        if me is not None and me.state == "draining":
            raise Unavailable(
                "This node is being drained and takes no uploads. Ask for a new ticket.", retry_after=1
            )
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BadRequest("Send the image's own bytes, without Content-Encoding.")
        return ticket

    async def _take_raw(self, request: web.Request, ticket: Ticket) -> web.Response:
        filename = request.headers.get(FILENAME_HEADER)
        if filename is not None:
            filename = names.check_filename(_percent_decoded(filename))
        limit, length = self._max_bytes(ticket), request.content_length
        if length is not None and length > limit:
            raise too_large(limit, length)
        upload = self._upload(ticket, 0, filename, request.headers.get("Content-Type"))
        body = self._body(request, limit)
        record = await self._intake.take(body, upload, limit if length is None else length)
        asset = await self._confirmed(record, ticket)
        return json_response(asset, status=_status(asset))

    async def _body(self, request: web.Request, limit: int) -> AsyncIterator[bytes]:
        """Asked for only when there is room for it: that is when a waiting client is told to go on."""
        await _continue(request)
        async for chunk in self._pace.chunks(lambda: request.content.read(READ_BYTES), limit):
            yield chunk

    async def _take_form(self, request: web.Request, ticket: Ticket) -> web.Response:
        results: list[dict[str, Any]] = []
        try:
            await _continue(request)
            await self._take_files(request, ticket, results)
        except AtollError as error:
            if not results:
                raise
            # what was stored before this error stays stored: say so
            raise type(error)(error.detail, **error.facts, results=results) from error
        if ticket.max_files == 1:
            return json_response(results[0]["asset"], status=results[0]["status"])
        statuses = {result["status"] for result in results}
        whole = 201 if statuses == {201} else 202 if statuses <= {201, 202} else 207
        return json_response({"results": results}, status=whole)

    async def _take_files(self, request: web.Request, ticket: Ticket, results: list[dict[str, Any]]) -> None:
        """Each part named `file`, one after another; every one stands or falls by itself."""
        form = UploadForm(request, self._pace)
        limit = min(ticket.max_files, self._settings.max_files)
        async for part in form.files():
            if len(results) >= limit:
                raise TooManyFiles(f"One request may carry {limit} files here.", limit=limit)
            results.append(await self._take_part(request, form, part, ticket, len(results)))

    async def _take_part(
        self, request: web.Request, form: UploadForm, part: BodyPartReader, ticket: Ticket, file: int
    ) -> dict[str, Any]:
        limit = self._max_bytes(ticket)
        expected = limit if request.content_length is None else min(limit, request.content_length)
        try:
            filename = names.check_filename(part.filename) if part.filename else None
            upload = self._upload(ticket, file, filename, part.headers.get("Content-Type"))
            record = await self._intake.take(form.body(part, limit), upload, expected)
        except (BodyMismatch, BodyTimeout, BadRequest):
            raise  # the request itself is broken: there is no next part
        except AtollError as error:
            if ticket.max_files == 1:
                raise
            await form.skip(part, limit)
            return {"status": error.status, "problem": error.problem()}
        asset = await self._confirmed(record, ticket)
        return {"status": _status(asset), "asset": asset}

    def _max_bytes(self, ticket: Ticket) -> int:
        return max_bytes(ticket, self._settings, self._cluster.current)

    def _upload(self, ticket: Ticket, file: int, filename: str | None, content_type: str | None) -> Upload:
        return upload_of(ticket, file, filename, content_type, self._settings, self._cluster.current)

    def _check_member(self) -> None:
        """A node that was removed meanwhile tells nobody of this upload: it may not be acknowledged."""
        me = self._cluster.current.nodes.get(self._origin.node)
        if me is not None and me.state == "removed":
            raise NodeRemoved(
                "This node was removed from the cluster during the upload. Upload again, with a new ticket.",
                node=me.name,
            )

    async def _confirmed(self, record: AssetRecord, ticket: Ticket) -> AssetView:
        """The stored upload as shown; if the ticket asks for more regions, with what they confirmed."""
        self._check_member()
        self._stored(record, ticket)
        url = self._settings.public_url
        if ticket.durability == LOCAL:
            return view_of(record, url)
        confirmed = await self._confirmer.confirm(record, ticket.durability)
        told = DurabilityView(ticket.durability, confirmed.regions, confirmed.enough)
        return msgspec.structs.replace(view_of(record, url, confirmed.locations), durability=told)


def _status(asset: AssetView) -> int:
    """202: it is stored here and kept, but not yet where the upload asked for."""
    told = asset.durability
    return 202 if told is not UNSET and not told.complete else 201


async def _refuse_method(request: web.Request) -> web.StreamResponse:
    raise web.HTTPMethodNotAllowed(request.method, _METHODS)


async def _expect_later(request: web.Request) -> None:
    """aiohttp would say "100 Continue" before anybody has looked at the ticket; see `_continue`."""


async def _continue(request: web.Request) -> None:
    """Tell a client that waits for it (`Expect: 100-continue`, RFC 9110 10.1.1) to send the body."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def _percent_decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest(f"{FILENAME_HEADER} is percent-encoded UTF-8.") from error
