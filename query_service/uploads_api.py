"""POST /v1/uploads and POST /v1/assets: permission to upload, as a document or as a redirect.

Owns the two routes. No image byte is read here: the redirect is answered before the body, and the
connection closed, because a client that goes on sending would be sending to nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from atoll.errors import AtollError
from atoll.http import SAFE_HEADERS, json_response, read_json
from query_service.callers import app_origin
from query_service.key_reach import check_name, uploader_of
from query_service.position import PositionFinder
from query_service.query_input import POSITION, check_query, flag, needed, tags_of, whole_number
from query_service.routing import Route
from query_service.taken_names import TakenNames
from query_service.tickets import TicketOffice, assets_of
from query_service.wire import TicketView, UploadOrder
from query_service.word_input import WORDS, words_of

_REDIRECT_PARAMETERS = (
    POSITION
    | {"bucket", "public_id", "files", "max_bytes", "tags", "durability", "overwrite", "session", "async"}
    | WORDS
)
_NO_LIMIT = 10**12 - 1  # the ticket office knows the real ones


Admit = Callable[[UploadOrder], Awaitable[UploadOrder]]
Expect = Callable[[Sequence[str], bool], Awaitable[None]]  # and whether the catalog has them


class UploadsApi:
    """Hands out tickets; `issued` is told whether one was given, `expect` for which assets, and `admit`
    narrows an order to the quota.
    """

    def __init__(
        self,
        office: TicketOffice,
        positions: PositionFinder,
        max_json_bytes: int,
        issued: Callable[[bool], None],
        admit: Admit,
        taken_names: TakenNames,
        expect: Expect,
    ) -> None:
        self._admit, self._taken_names, self._expect = admit, taken_names, expect
        self._office, self._positions = office, positions
        self._max_json_bytes, self._issued = max_json_bytes, issued

    def routes(self) -> list[Route]:
        """Both routes."""
        return [
            Route("POST", "/v1/uploads", "write", self.ticket, reach="inside"),
            Route("POST", "/v1/assets", "write", self.redirect, reach="inside", unread_body=True),
        ]

    async def ticket(self, request: web.Request) -> web.Response:
        """201 with the ticket."""
        check_query(request, POSITION)
        order = await read_json(request, UploadOrder, self._max_json_bytes)
        check_name(request, order.bucket, order.public_id)
        view = await self.issue(request, order)
        return json_response(view, 201, {"Cache-Control": "no-store"})

    async def redirect(self, request: web.Request) -> web.Response:
        """307 to a fresh ticket's URL, for clients that can only send: `curl -L -F file=@cat.jpg`."""
        check_query(request, _REDIRECT_PARAMETERS)
        order = UploadOrder(
            bucket=needed(request, "bucket"),
            public_id=request.query.get("public_id"),
            files=whole_number(request, "files", 1, 1, _NO_LIMIT),
            max_bytes=whole_number(request, "max_bytes", 0, 1, _NO_LIMIT) or None,
            tags=tags_of(request),
            **words_of(request),
            durability=request.query.get("durability"),
            overwrite=flag(request, "overwrite", default=True),
            background=flag(request, "async"),
            session=request.query.get("session"),
        )
        check_name(request, order.bucket, order.public_id)
        view = await self.issue(request, order)
        headers = {**SAFE_HEADERS, "Location": view.upload_url, "Cache-Control": "no-store"}
        response = web.Response(status=307, headers=headers)
        response.force_close()
        return response

    async def issue(self, request: web.Request, order: UploadOrder) -> TicketView:
        """A ticket for whoever brings the bytes."""
        client, by = self._positions.of(request), uploader_of(request, order.session)
        try:
            home = await self._taken_names.home_of(order)
            view = self._office.issue(await self._admit(order), client, home, by, app_origin(request))
        except AtollError:
            self._issued(False)
            raise
        self._issued(True)
        await self._expect(assets_of(view), home is not None)
        return view
