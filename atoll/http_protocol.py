"""What lies below aiohttp's middlewares: bytes that are no HTTP, and a connection's end. Used by http.serve.

aiohttp answers malformed HTTP as plain text and logs a traceback for each, with which anybody could fill
the log: here it is a problem document and a debug line. And it cuts off the body of a request under way
when the server is told to stop: here it does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong, PayloadEncodingError
from aiohttp.web_protocol import RequestHandler

from atoll.errors import AtollError, BadRequest, Rejected

log = logging.getLogger(__name__)

# What reading a body raises when its sender hangs up, or breaks its frames.
BROKEN_BODY = (ClientError, web.RequestPayloadError, ConnectionError, PayloadEncodingError)

_TOO_MANY = "Too many headers"  # how aiohttp says it; it has no class for it
_POLL_SECONDS = 0.02
_CUT_SECONDS = 1.0  # how long a handler that was cut off may take to clean up

Answer = Callable[[AtollError], web.Response]


@dataclass(frozen=True)
class RequestLimits:
    """What a server reads of one request: bytes of the request line and of each header, how many headers,
    how deep JSON may be nested. (How long a JSON body may be, each handler says.)
    """

    line_bytes: int = 8190
    headers: int = 128
    json_depth: int = 32


DEFAULT_LIMITS = RequestLimits()


class HeadersTooLarge(Rejected):
    """A request line or a header is longer, or there are more headers, than the server reads."""

    status = 431
    slug = "headers-too-large"
    title = "The request line or the headers are too large"


class ProblemRunner(web.AppRunner):
    """An AppRunner whose server answers malformed HTTP with `answer(error)`, and drains before it ends."""

    def __init__(
        self,
        app: web.Application,
        answer: Answer,
        *,
        drain_seconds: float,
        limits: RequestLimits,
        connection: type[Connection] | None = None,
        **options: Any,
    ) -> None:
        """`connection`: of what kind the server's connections are."""
        super().__init__(
            app,
            shutdown_timeout=_CUT_SECONDS,
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
            max_headers=limits.headers,
            **options,
        )
        self._answer, self._drain_seconds, self._limits = answer, drain_seconds, limits
        self._connection = connection or Connection

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return Server(self._answer, self._limits, plain, self._connection)

    async def shutdown(self) -> None:
        """Between "no new requests" and the cut: those under way get `drain_seconds` to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                while self._busy():  # noqa: ASYNC110 - aiohttp has no event for it
                    await asyncio.sleep(_POLL_SECONDS)
        await super().shutdown()

    def _busy(self) -> bool:
        server = self.server
        return server is not None and any(c._request_in_progress for c in server.connections)


class Server(web.Server):
    """As `plain`, with connections of our own kind."""

    def __init__(
        self, answer: Answer, limits: RequestLimits, plain: web.Server, kind: type[Connection]
    ) -> None:
        super().__init__(plain.request_handler, request_factory=plain.request_factory, **plain._kwargs)
        self._answer, self._limits, self._kind = answer, limits, kind

    def __call__(self) -> RequestHandler:
        return self.connection()

    def connection(self, received: bytes = b"") -> Connection:
        """A new connection's protocol. `received`: what another process read from it already."""
        return self._kind(self._answer, self._limits, self, received, loop=self._loop, **self._kwargs)


class Connection(RequestHandler):
    """One connection; what `received` has comes before what is read."""

    __slots__ = ("_answer", "_limits", "_received")

    def __init__(
        self, answer: Answer, limits: RequestLimits, manager: web.Server, received: bytes, **options: Any
    ) -> None:
        super().__init__(manager, **options)
        self._answer, self._limits, self._received = answer, limits, received

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._received:
            self.data_received(self._received)
            self._received = b""

    def data_received(self, data: bytes) -> None:
        """aiohttp drops what arrives once it was told to close: of the request under way too.

        A stop must let that request end, body and all; the next one is not begun (`start` sees `_close`).
        """
        if not (self._close and self._request_in_progress):
            super().data_received(data)
            return
        self._close = False
        try:
            super().data_received(data)
        finally:
            self._close = True

    def close(self) -> None:
        """An idle connection ends at once, and not only after those under way."""
        super().close()
        if self.transport is not None and not self._request_in_progress and not self._messages:
            self.transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError) or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        log.debug("not HTTP, from %s: %r", request.remote, exc)
        response = self._answer(_error_of(exc, self._limits))
        response.force_close()  # where its next request would begin, nobody knows
        return response


def _error_of(error: HttpProcessingError, limits: RequestLimits) -> AtollError:
    if isinstance(error, LineTooLong):
        return HeadersTooLarge(
            f"The request line or a header is longer than the {limits.line_bytes} bytes that are read.",
            max_bytes=limits.line_bytes,
        )
    if _TOO_MANY in error.message:
        return HeadersTooLarge(f"A request has at most {limits.headers} headers here.", limit=limits.headers)
    return BadRequest("The request is not well-formed HTTP/1.1.")
