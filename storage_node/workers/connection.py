"""A worker's connections: which requests are answered here, and how the others get to home.

What is answered here is told by the first bytes of a request: a GET or HEAD that is all there and may be
a picture's, and uploads to /v1/uploads. Everything else goes home before a byte of it is parsed – so it
is parsed, limited and answered as ever. A read that turns out to need home (a blob that is not here, a
copy that is bad, a derivative to be made) goes there as well, as long as nothing was answered: `GoHome`
says so from anywhere. What a client sends while its read is under way waits until that is answered, so
that it can go along.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from atoll.errors import AtollError, Unavailable
from atoll.http import Handler, problem_response
from atoll.http_protocol import Connection, RequestLimits

log = logging.getLogger(__name__)

Give = Callable[[asyncio.BaseTransport, bytes], bool]
PASSED_ON = 0  # the status of an answer that home gives

_MOST_HELD = 64 * 1024  # bytes of requests that follow a read under way
_READS, _UPLOADS = (b"GET /", b"HEAD /"), (b"PUT /v1/uploads?", b"POST /v1/uploads?", b"POST /v1/uploads ")
_NEVER = (b"/internal/", b"/health", b"/metrics", b"/v1/")  # paths of reads that are home's
_END = b"\r\n\r\n"


class GoHome(Exception):
    """Only home can answer this request. Not in the tree of errors: no client sees it."""


class WorkerConnection(Connection):
    """`give` hands a connection to home. Made by the server for each connection; see `connections`."""

    __slots__ = ("_busy", "_held", "_paused", "_read")

    give: Give  # of the class; see `connections`

    def __init__(
        self,
        answer: Callable[[AtollError], web.Response],
        limits: RequestLimits,
        manager: web.Server,
        received: bytes,
        **options: Any,
    ) -> None:
        super().__init__(answer, limits, manager, received, **options)
        self._busy = self._paused = False
        self._read = self._held = b""  # the read under way, whole; what came after it

    def data_received(self, data: bytes) -> None:
        """New requests are looked at; what belongs to an upload under way is parsed at once."""
        if self._busy:
            if self._read:
                self._hold(data)
            else:
                super().data_received(data)
            return
        if _is_read(data):
            self._read = data
        elif not data.startswith(_UPLOADS):
            self.leave(data)
            return
        self._busy = True
        super().data_received(data)

    def leave(self, received: bytes) -> bool:
        """Hand the connection to home, from `received` on. False: it could not be, and is closed."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        transport.pause_reading()
        given = self.give(transport, received)
        self._read = self._held = b""
        self.force_close()
        return given

    def go_home(self) -> bool:
        """The same, from the read under way on. False when something else was begun on this connection."""
        return bool(self._read) and self.leave(self._read + self._held)

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """aiohttp's, and then the next request's turn."""
        done = await super().finish_response(request, resp, start_time)
        if not self._messages and (self._read or request.content.is_eof()):
            self._turn()
        return done

    def _turn(self) -> None:
        held, self._held = self._held, b""
        self._busy, self._read = False, b""
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        if held:
            self.data_received(held)

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > _MOST_HELD and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()


def connections(give: Give) -> type[WorkerConnection]:
    """The kind of connection that hands over by `give`."""
    return cast(
        "type[WorkerConnection]",
        type("_Given", (WorkerConnection,), {"__slots__": (), "give": staticmethod(give)}),
    )


def _is_read(data: bytes) -> bool:
    """Whether this is exactly one request that may be a picture's."""
    if not data.startswith(_READS) or data.find(_END) != len(data) - len(_END):
        return False
    if data.startswith(_NEVER, data.index(b"/")):
        return False
    head = data.lower()
    return not (  # spelt out: each hot read comes by here, and a loop costs four times as much
        b"\ncontent-length:" in head
        or b"\ntransfer-encoding:" in head
        or b"\nupgrade:" in head
        or b"\nexpect:" in head
    )


@web.middleware
async def homewards(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The innermost middleware: what raises `GoHome` is answered there."""
    try:
        return await handler(request)
    except GoHome:
        connection = request.protocol
        if isinstance(connection, WorkerConnection) and connection.go_home():
            return _PassedOn()
        refused = problem_response(
            Unavailable("Send this request on a connection of its own.", retry_after=1)
        )
        refused.force_close()
        return refused


class _PassedOn(web.StreamResponse):
    """Nothing is written: home answers."""

    def __init__(self) -> None:
        super().__init__(status=PASSED_ON)

    @property
    def keep_alive(self) -> bool:
        return False

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None
