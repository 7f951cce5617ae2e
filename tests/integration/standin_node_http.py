"""The node's public HTTP as the stand-in cluster speaks it: uploads by ticket, blobs by path."""

from __future__ import annotations

import hashlib
import io
from urllib.parse import unquote

from aiohttp import web
from PIL import Image
from standin_state import State, a_version, inspect, path_of

from atoll import names
from atoll.errors import BodyMismatch, EmptyBody, NotFound, TicketReplayed, TooLarge, WrongNode
from atoll.http import json_response
from atoll.ids import now_ms
from atoll.model import AssetRecord
from atoll.node_api import view_of
from atoll.signing import Ticket, open_ticket
from atoll.transformation.paths import parse_node_path
from atoll.transformation.steps import Resize


class StandinNodeHttp:
    """One node's handlers."""

    def __init__(self, state: State, name: str) -> None:
        self._state, self._name = state, name
        self.filenames: list[str | None] = []
        self.content_types: list[str] = []

    def add_routes(self, app: web.Application) -> None:
        """Serve them."""
        app.router.add_put("/v1/uploads", self._upload)
        app.router.add_get("/{bucket}/{set}/{blob}", self._blob)
        app.router.add_get("/{bucket}/{transformation:.+}/{set}/{blob}", self._derivative)

    async def _upload(self, request: web.Request) -> web.Response:
        ticket = open_ticket(request.query.get("ticket", ""), self._state.keys, now_ms())
        if ticket.node != self._name:
            raise WrongNode("The ticket is for another node.", node=ticket.node)
        if request.content_length is None:
            raise BodyMismatch("A length is needed here.")
        if request.content_length > ticket.max_bytes:
            raise TooLarge("Too large.", limit=ticket.max_bytes, got=request.content_length)
        body = await request.read()
        if not body:
            raise EmptyBody("The body is empty.")
        record = self._record(request, ticket, body)
        return json_response(view_of(record, self._state.nodes[self._name].node.url), 201)

    def _record(self, request: web.Request, ticket: Ticket, body: bytes) -> AssetRecord:
        me = self._state.nodes[self._name]
        sha256 = hashlib.sha256(body).hexdigest()
        if used := me.tickets.get(ticket.ticket_id):
            if used.blob.sha256 != sha256:
                raise TicketReplayed("Used for other bytes.", stored=used.blob.sha256, got=sha256)
            return used
        filename = request.headers.get("X-Atoll-Filename")
        self.filenames.append(None if filename is None else unquote(filename))
        self.content_types.append(request.content_type)
        record = AssetRecord(
            asset_id=ticket.asset_id,
            public_id=ticket.public_id or ticket.asset_id,
            version=a_version(),
            set=ticket.set,
            blob=inspect(body, ticket.bucket, sha256),
            created_at=now_ms(),
            tags=ticket.tags,
            context=ticket.context,
            filename=self.filenames[-1],
        )
        me.tickets[ticket.ticket_id] = record
        self._state.store(self._name, record, body)
        assert path_of(record) in me.blobs
        return record

    async def _derivative(self, request: web.Request) -> web.Response:
        """A picture of the width asked for: all that the stand-in can render."""
        asked = parse_node_path(request.path)
        assert asked.transformation is not None
        (resize,) = asked.transformation.steps
        assert isinstance(resize, Resize)
        assert isinstance(resize.width, int)
        source = self._state.nodes[self._name].blobs.get(names.blob_path(asked.bucket, asked.handle))
        if source is None:
            raise NotFound("There is no such blob here.")
        body = io.BytesIO()
        Image.open(io.BytesIO(source)).resize((resize.width, resize.width)).save(body, "PNG")
        etag = f'"{hashlib.sha256(body.getvalue()).hexdigest()[:32]}"'
        return web.Response(body=body.getvalue(), content_type="image/png", headers={"ETag": etag})

    async def _blob(self, request: web.Request) -> web.Response:
        body = self._state.nodes[self._name].blobs.get(request.path)
        if body is None:
            raise NotFound("There is no such blob here.")
        return web.Response(body=body, content_type="application/octet-stream")
