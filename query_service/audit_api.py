"""GET /v1/audit: what administrators did, the newest first, page by page. From its stream; no database."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from atoll.errors import BadRequest
from atoll.http import json_response
from atoll.node_api import rfc3339
from query_service.audit_stream import AuditRecord, AuditStream
from query_service.query_input import check_query, whole_number
from query_service.routing import Route

_DEFAULT_LIMIT, _MAX_LIMIT = 100, 1000
_FRESH = {"Cache-Control": "no-store"}


class AuditEntry(Struct, frozen=True):
    """One action: who (the API key's name), when, what, and how it ended ("ok", or what the problem was).

    `facts` are what the path does not say; `address` is that of the connection, perhaps a proxy's.
    """

    at: str
    key: str
    method: str
    path: str
    status: int
    result: str
    service: str
    address: str
    facts: dict[str, str]


class AuditPage(Struct, frozen=True):
    """One page; `next_cursor` asks for older ones, null at the end."""

    records: list[AuditEntry]
    next_cursor: str | None


class AuditApi:
    """For administrators."""

    def __init__(self, stream: AuditStream) -> None:
        self._stream = stream

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/audit", "admin", self.show, reach="whole")]

    async def show(self, request: web.Request) -> web.Response:
        """One page."""
        check_query(request, {"limit", "cursor"})
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT)
        records, further = await self._stream.page(_before(request), limit)
        page = AuditPage([_entry(record) for record in records], None if further is None else str(further))
        return json_response(page, headers=_FRESH)


def _before(request: web.Request) -> int | None:
    text = request.query.get("cursor")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequest("The cursor is not one of ours; leave it out.", parameter="cursor")
    return int(text)


def _entry(record: AuditRecord) -> AuditEntry:
    return AuditEntry(
        rfc3339(record.at),
        record.key,
        record.method,
        record.path,
        record.status,
        record.result,
        record.service,
        record.address,
        record.facts,
    )
