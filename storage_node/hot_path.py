"""Public blobs, and derivatives, in memory, answered before routing: most reads of a busy node end here.

Stands in front of the application (`front`). A GET whose raw target is a public entry of the RAM cache,
over plain HTTP/1.1 and without a header that asks for anything else, gets prepared bytes: one dict
look-up, a few header look-ups, one write. A target that was found to mean a derivative in memory
(hot_targets.py) costs one look-up more, and no blob pays for it. Everything else – a private bucket's blob, a
range, a condition, HEAD, other methods – goes on to the application, which answers the same and more slowly.

Why not a route: aiohttp's router, middlewares and header serialisation cost more than the answer itself
(on one core and 8 KB: 21k answers a second with all of them, 36k with the router alone, 50k here).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import HttpVersion11, web
from aiohttp.web_request import BaseRequest

from atoll.http import Handler
from storage_node.hot_targets import HotTargets
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadMetrics, Served
from storage_node.sending import SEND_SECONDS

_JOIN_BELOW = 20_000  # bytes: smaller bodies are copied into one write, larger ones written beside the head
_ANY_ORIGIN = b"Access-Control-Allow-Origin"
_HIGH_WATER = 64 * 1024  # what a transport holds before it asks its writer to wait


class _DateLine:
    """The Date header and the empty line after it, made once a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode("ascii")
        return self._line


class _HotResponse(web.StreamResponse):
    """A prepared answer: writes its own bytes instead of serialising headers."""

    def __init__(self, head: bytes, body: bytes, date: bytes) -> None:
        super().__init__()
        self._ready_head, self._ready_body, self._date = head, body, date
        self._asked: BaseRequest | None = None

    @property
    def keep_alive(self) -> bool:
        """Always: other connections do not come here."""
        return True

    async def prepare(self, request: BaseRequest) -> None:
        self._asked = request

    async def write_eof(self, data: bytes = b"") -> None:
        request, head, body = self._asked, self._ready_head, self._ready_body
        assert request is not None
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        if len(body) < _JOIN_BELOW:
            transport.write(b"".join((head, self._date, body)))
        else:
            transport.writelines((head, self._date, body))
        if transport.get_write_buffer_size() > _HIGH_WATER:
            await _drained(request)


async def _drained(request: BaseRequest) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await request.writer.drain()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError("the client does not read") from None


def hot_path(
    inner: Handler,
    ram: RamCache,
    targets: HotTargets,
    counts: ReadMetrics,
    derivatives: Served,
    clock: Callable[[], float] = time.time,
) -> Handler:
    """`inner` with the hot path in front of it. `clock` gives Unix seconds."""
    entries, served, date = ram.entries, counts.ram, _DateLine(clock)

    async def handle(request: web.Request) -> web.StreamResponse:
        entry = entries.get(request.raw_path)
        if entry is None:
            return await derivative(request)
        if not entry.public or not _is_plain(request):
            return await inner(request)
        entry.used = True
        served.requests += 1
        served.bytes += len(entry.body)
        return _HotResponse(entry.head, entry.body, date.line())

    async def derivative(request: web.Request) -> web.StreamResponse:
        found = targets.find(request)
        if found is None or not _is_plain(request):
            return await inner(request)
        if "Origin" in request.headers and _ANY_ORIGIN not in found.head:
            return await inner(request)  # a private picture: cors.py says which pages may read it
        entry = found.entry
        entry.used = True
        derivatives.requests += 1
        derivatives.bytes += len(entry.body)
        return _HotResponse(found.head, entry.body, date.line())

    return handle


def _is_plain(request: web.Request) -> bool:
    headers = request.headers
    return (
        request.method == "GET"
        and request.keep_alive
        and request.version == HttpVersion11
        and "Range" not in headers
        and "If-None-Match" not in headers
        and "If-Match" not in headers
    )
