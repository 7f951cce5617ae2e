"""PUT and POST /v1/uploads: bytes in by ticket, one image raw or many as multipart, each durable by itself.

Owns the HTTP side only: names, limits and the pace of the body; upload_door.py looks at tickets, forms are
form_intake.py's. What happens to the bytes is upload_intake.py's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from urllib.parse import unquote

from aiohttp import web

from atoll import names
from atoll.errors import BadRequest
from atoll.http import json_response
from atoll.signing import Ticket
from storage_node.body_pace import Pace, too_large
from storage_node.cors import PAGES, UploadPages
from storage_node.data_uri_body import TextBodies, most_sent
from storage_node.file_number import first_file
from storage_node.form_intake import FormIntake
from storage_node.ingest import Upload
from storage_node.peers import MapView
from storage_node.settings import NodeSettings
from storage_node.upload_answer import Acknowledger, status_of
from storage_node.upload_door import UploadDoor
from storage_node.upload_intake import UploadIntake
from storage_node.upload_policy import max_bytes, upload_of

READ_BYTES = 128 * 1024  # at once; what a slow disk holds up stays within the connection's own buffer
FILENAME_HEADER = "X-Atoll-Filename"
_FORM = "multipart/form-data"
_METHODS = ("PUT", "POST")


class UploadsApi:
    """The upload routes of one node."""

    def __init__(
        self,
        settings: NodeSettings,
        cluster: MapView,
        door: UploadDoor,
        intake: UploadIntake,
        acknowledger: Acknowledger,
        texts: TextBodies,
    ) -> None:
        self._settings, self._cluster, self._door = settings, cluster, door
        self._intake, self._acknowledger, self._texts = intake, acknowledger, texts
        self._pace = Pace(settings.upload_idle_seconds, settings.upload_min_bytes_per_second)
        self._forms = FormIntake(settings, cluster, door, intake, acknowledger, self._pace, _continue, texts)

    def add_routes(self, app: web.Application) -> None:
        """Serve /v1/uploads."""
        for method in _METHODS:
            app.router.add_route(method, "/v1/uploads", self._handle, expect_handler=_expect_later)
        app.router.add_route("*", "/v1/uploads", _refuse_method)

    async def _handle(self, request: web.Request) -> web.Response:
        if request.content_type == _FORM:
            return await self._forms.take(request)
        ticket = self._door.ticket(request)
        request[PAGES] = UploadPages(ticket.bucket, ticket.origin)  # or cors.py would open it once more
        with self._door.place():
            return await self._take_raw(request, ticket)

    async def _take_raw(self, request: web.Request, ticket: Ticket) -> web.Response:
        filename = request.headers.get(FILENAME_HEADER)
        if filename is not None:
            filename = names.check_filename(_percent_decoded(filename))
        limit, length = self._max_bytes(ticket), request.content_length
        if length is not None and length > most_sent(request.content_type, limit):
            raise too_large(limit, length)
        number, content_type = first_file(request, ticket), request.headers.get("Content-Type", "")
        body = await self._texts.opened(partial(self._body, request), content_type, limit)
        upload = self._upload(ticket, number, filename, body.declared)
        expected = limit if length is None else min(limit, length)
        record = await self._intake.take(body.pieces, upload, expected)
        asset = await self._acknowledger.confirmed(record, ticket)
        return json_response(asset, status=status_of(asset))

    async def _body(self, request: web.Request, limit: int) -> AsyncIterator[bytes]:
        """Asked for only when there is room for it: that is when a waiting client is told to go on."""
        await _continue(request)
        async for chunk in self._pace.chunks(lambda: request.content.read(READ_BYTES), limit):
            yield chunk

    def _max_bytes(self, ticket: Ticket) -> int:
        return max_bytes(ticket, self._settings, self._cluster.current)

    def _upload(self, ticket: Ticket, file: int, filename: str | None, content_type: str | None) -> Upload:
        return upload_of(ticket, file, filename, content_type, self._settings, self._cluster.current)


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
