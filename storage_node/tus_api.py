"""/v1/tus: resumable uploads by the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload).

    POST    /v1/tus?ticket=…             creation, with the first bytes if they come along; final uploads
    HEAD    /v1/tus/{id}?token=…         how far it is           } the URL that the creation
    PATCH   /v1/tus/{id}?token=…         the next bytes          } answered as Location
    DELETE  /v1/tus/{id}?token=…         termination             }
    GET     /v1/tus/{id}?token=…         how far it is and what it became, as JSON (ours)
    OPTIONS                              what is offered

Owns the HTTP side only; tus_create.py, tus_bytes.py and tus_finish.py do the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from atoll.errors import AtollError, Conflict, Failed, Forbidden, TypeMismatch
from atoll.http import json_response
from atoll.node_api import AssetView, rfc3339
from atoll.signing import Ticket
from atoll.tus_errors import OffsetMismatch
from storage_node.origin import Origin
from storage_node.tus_address import PREFIX, TusAddress
from storage_node.tus_answer import HERE, OF_ONE, asset_headers, description, dress, options, progress
from storage_node.tus_book import TusBook
from storage_node.tus_bytes import TusBytes, brings_bytes
from storage_node.tus_create import Creation
from storage_node.tus_finish import Finisher
from storage_node.tus_headers import BODY_TYPE, check_version, upload_offset
from storage_node.tus_record import TusRecord
from storage_node.upload_answer import Acknowledger, status_of
from storage_node.upload_door import UploadDoor


class UploadView(msgspec.Struct, frozen=True):
    """A resumable upload as GET shows it. `asset`: once it became one."""

    offset: int
    length: int
    expires_at: str
    asset: AssetView | None


class TusApi:
    """The routes. `limit_of` gives the most bytes a ticket's file may have; `max_size`: of any."""

    def __init__(
        self,
        origin: Origin,
        door: UploadDoor,
        address: TusAddress,
        book: TusBook,
        creation: Creation,
        taking: TusBytes,
        finisher: Finisher,
        acknowledger: Acknowledger,
        limit_of: Callable[[Ticket], int],
        max_size: int,
    ) -> None:
        self._origin, self._door, self._address = origin, door, address
        self._book, self._creation, self._bytes = book, creation, taking
        self._finisher, self._acknowledger = finisher, acknowledger
        self._limit_of, self._max_size = limit_of, max_size
        self._methods: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = {
            "HEAD": self._head,
            "GET": self._get,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    def add_routes(self, app: web.Application) -> None:
        """Serve /v1/tus."""
        app.router.add_post(PREFIX, self._create)
        app.router.add_route("OPTIONS", PREFIX, self._options)
        app.router.add_route("*", PREFIX, self._refuse)
        app.router.add_route("*", PREFIX + "/{id}", self._upload)
        app.on_response_prepare.append(dress)

    async def _options(self, request: web.Request) -> web.Response:
        """With a ticket the size is the ticket's. A preflight hears nothing of a ticket that opens nothing: a
        page can read only what its own request is refused with."""
        told = request.query.get("ticket") and "Access-Control-Request-Method" not in request.headers
        ticket = self._door.ticket(request) if told else None
        return options(self._limit_of(ticket) if ticket else self._max_size, HERE)

    async def _refuse(self, request: web.Request) -> web.Response:
        raise web.HTTPMethodNotAllowed(request.method, HERE)

    async def _upload(self, request: web.Request) -> web.Response:
        """One upload's own URL. A method may come in a header where proxies let only POST through."""
        if request.method == "OPTIONS":
            return options(self._max_size, OF_ONE)
        method = request.method
        if method == "POST":
            method = request.headers.get("X-HTTP-Method-Override", method).upper()
        handler = self._methods.get(method)
        if handler is None:
            raise web.HTTPMethodNotAllowed(request.method, OF_ONE)
        if method != "GET":
            check_version(request.headers)
        return await handler(request)

    def _asked(self, request: web.Request) -> TusRecord:
        upload_id = self._address.check(request.match_info["id"], request.query.get("token", ""))
        return self._book.get(upload_id, self._origin.now_ms())

    async def _head(self, request: web.Request) -> web.Response:
        record = self._asked(request)
        headers = description(record)
        if record.stored is not None:
            headers |= asset_headers(self._acknowledger.view(record.stored))
        return web.Response(headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        record = self._asked(request)
        asset = self._acknowledger.view(record.stored) if record.stored is not None else None
        return json_response(
            UploadView(record.offset, record.length, rfc3339(record.expires_at), asset),
            headers=description(record),
        )

    async def _delete(self, request: web.Request) -> web.Response:
        record = self._asked(request)
        with self._book.locked(record.id):
            if not record.open:
                raise Conflict("This upload is an asset by now. Delete the asset instead.")
            await self._finisher.forget(record.id)
        return web.Response(status=204)

    async def _create(self, request: web.Request) -> web.Response:
        check_version(request.headers)
        ticket = self._door.ticket(request)
        brings = brings_bytes(request)
        with self._door.place():
            record = await self._creation.create(ticket, request.headers)
            asset = None
            if record.kind == "final":
                asset = await self._concatenate(record, request)
            elif brings:
                asset = await self._first_bytes(record, request)
        record = self._book.get(record.id, self._origin.now_ms())
        headers = {"Location": self._address.url(record.id), **progress(record)}
        if asset is None:
            return web.Response(status=201, headers=headers)
        return json_response(asset, status=201, headers=headers | asset_headers(asset))

    async def _concatenate(self, record: TusRecord, request: web.Request) -> AssetView:
        if brings_bytes(request):
            raise Forbidden("A final upload takes no bytes: it is made of its parts.")
        with self._book.locked(record.id, *record.parts):
            self._book.put(record)
            try:
                stored = await self._finisher.finish(record)
            except BaseException:
                self._book.drop(record.id)
                raise
            return await self._acknowledger.confirmed(stored, record.ticket)

    async def _first_bytes(self, record: TusRecord, request: web.Request) -> AssetView | None:
        """Bytes that come with the creation. When they break off nobody hears of the upload: it goes."""
        try:
            with self._book.locked(record.id):
                return await self._bytes.take(record, request)
        except Failed:  # what came is kept, and the client can go on from there
            return None
        except AtollError:
            await self._finisher.forget(record.id)
            raise

    async def _patch(self, request: web.Request) -> web.Response:
        record = self._asked(request)
        self._door.check_open(request)
        if request.content_type != BODY_TYPE:
            raise TypeMismatch(f"Send the bytes with Content-Type: {BODY_TYPE}.", found=request.content_type)
        offset = upload_offset(request.headers)
        if record.kind == "final":
            raise Forbidden("A final upload takes no bytes: it is made of its parts.")
        with self._book.locked(record.id), self._door.place():
            asset = await self._go_on(record, offset, request)
        record = self._book.get(record.id, 0)
        return _gone_on(record, asset, wants_json="application/json" in request.headers.get("Accept", ""))

    async def _go_on(self, record: TusRecord, offset: int, request: web.Request) -> AssetView | None:
        if offset != record.offset:
            raise OffsetMismatch(f"This upload goes on at {record.offset}.", offset=record.offset, got=offset)
        if record.stored is not None:  # the answer got lost: here it is again
            return await self._acknowledger.confirmed(record.stored, record.ticket)
        return await self._bytes.take(record, request)


def _gone_on(record: TusRecord, asset: AssetView | None, *, wants_json: bool) -> web.Response:
    headers = progress(record)
    if asset is None:
        return web.Response(status=204, headers=headers)
    headers |= {"Location": asset.url, **asset_headers(asset)}
    if not wants_json:
        return web.Response(status=204, headers=headers)
    return json_response(asset, status=200 if status_of(asset) == 201 else 202, headers=headers)
