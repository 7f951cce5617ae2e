"""One answer to a GET or HEAD, once the bytes are found: 200, 206, 304, 412 or 416. I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from atoll.errors import RangeNotSatisfiable
from atoll.http import problem_response
from atoll.names import CONTENT_TYPES
from storage_node.blob_address import BlobAddress
from storage_node.blob_headers import blob_headers, body_headers
from storage_node.ranges import Conditions, is_unmodified, requested_span
from storage_node.read_metrics import ReadMetrics, Served
from storage_node.sending import Pieces, send


@dataclass(frozen=True, slots=True)
class BlobRequest:
    """A request that may be answered. `private_seconds`: None in a public bucket.

    `seen_drops`: how often the RAM cache had dropped something when the request began.
    """

    request: web.Request
    address: BlobAddress
    private_seconds: int | None
    seen_drops: int
    conditions: Conditions

    @property
    def wants_body(self) -> bool:
        """Whether bytes are needed. `PreconditionFailed` when a condition forbids any answer."""
        unmodified = is_unmodified(self.conditions, self.address.handle.sha256)
        return self.request.method == "GET" and not unmodified


def conditions_of(request: web.Request) -> Conditions:
    """The headers that decide which part of the blob is sent."""
    headers = request.headers

    def value(name: str) -> str | None:
        lines = headers.getall(name, ())
        return ",".join(lines) if lines else None

    return Conditions(value("If-Match"), value("If-None-Match"), value("If-Range"), value("Range"))


class Shown(NamedTuple):
    """What is answered with: a strong entity tag (without quotes), a length, a type.

    `headers` are those that a 200, 206, 304 and HEAD have in common.
    """

    tag: str
    size: int
    content_type: str
    headers: dict[str, str]


class Answers:
    """Answers, counted."""

    def __init__(self, counts: ReadMetrics) -> None:
        self._counts = counts

    async def answer(
        self, asked: BlobRequest, served: Served, size: int, pieces: Callable[[int, int], Pieces]
    ) -> web.StreamResponse:
        """The answer from a blob of `size` bytes, whose bytes from…to `pieces` yields, verified."""
        handle = asked.address.handle
        headers = blob_headers(asked.address, asked.private_seconds)
        shown = Shown(handle.sha256, size, CONTENT_TYPES[handle.ext], headers)
        return await self.show(asked.request, asked.conditions, shown, served, pieces)

    async def show(
        self,
        request: web.Request,
        conditions: Conditions,
        shown: Shown,
        served: Served,
        pieces: Callable[[int, int], Pieces],
    ) -> web.StreamResponse:
        """The same for anything that has an entity tag. `PreconditionFailed`."""
        headers, size = dict(shown.headers), shown.size
        served.requests += 1
        if is_unmodified(conditions, shown.tag):
            return web.StreamResponse(status=304, headers=headers)
        if request.method == "HEAD":
            return web.StreamResponse(headers={**headers, **body_headers(shown.content_type, size, None)})
        try:
            span = requested_span(conditions, shown.tag, size)
        except RangeNotSatisfiable as error:
            return _outside(error, size, headers)
        headers |= body_headers(shown.content_type, size, span)
        response = web.StreamResponse(status=206 if span else 200, headers=headers)
        start, end = span or (0, size)
        sent, complete = await send(request, response, pieces(start, end))
        served.bytes += sent
        self._counts.cut += not complete
        return response


def _outside(error: RangeNotSatisfiable, size: int, headers: dict[str, str]) -> web.Response:
    """RFC 9110 section 15.5.17: a 416 tells the size, so that the client can ask better."""
    response = problem_response(error)
    response.headers["Content-Range"] = f"bytes */{size}"
    if "Vary" in headers:
        response.headers["Vary"] = headers["Vary"]
    return response
