"""Answers that are bytes already, written without serialising anything. For hot paths before routing. I/O.

aiohttp's router, middlewares and headers cost more than what a hot path finds in memory. Whoever answers so
has looked that the request is `plain`; the answer then keeps its connection open and is written in one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate

from aiohttp import HttpVersion11, web
from aiohttp.web_request import BaseRequest

SEND_SECONDS = 30.0  # a client that reads nothing for so long is cut off
_JOIN_BELOW = 20_000  # bytes: smaller bodies are copied into one write, larger ones written beside the head
_HIGH_WATER = 64 * 1024  # what a transport holds before it asks its writer to wait


class DateLine:
    """The Date header and the empty line after it, made once a second. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        """Ends the head of an answer of this moment."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode("ascii")
        return self._line


class Prepared(web.StreamResponse):
    """A 200: `head` is status line and headers, `date` the last of them and the empty line."""

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
        """Everything at once."""
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


def is_plain(request: BaseRequest) -> bool:
    """A GET of a whole over a connection that stays open."""
    headers = request.headers
    return (
        request.method == "GET"
        and request.keep_alive
        and request.version == HttpVersion11
        and "Range" not in headers
        and "If-None-Match" not in headers
        and "If-Match" not in headers
    )
