"""What happens to bytes that are no HTTP: a problem document, and a debug line instead of a traceback.

aiohttp answers them below its middlewares, as plain text, and logs a traceback for each, with which
anybody could fill the log. Called by http.serve only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from atoll.errors import AtollError, BadRequest, Rejected

log = logging.getLogger(__name__)

Answer = Callable[[AtollError], web.Response]


class HeadersTooLarge(Rejected):
    """A request line or a header is longer than the server reads."""

    status = 431
    slug = "headers-too-large"
    title = "The request line or a header is too long"


class ProblemRunner(web.AppRunner):
    """An AppRunner whose server answers malformed HTTP with `answer(error)`."""

    def __init__(self, app: web.Application, answer: Answer, **options: Any) -> None:
        super().__init__(app, **options)
        self._answer = answer

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return _Server(self._answer, plain)


class _Server(web.Server):
    """As `plain`, with connections of our own kind."""

    def __init__(self, answer: Answer, plain: web.Server) -> None:
        super().__init__(plain.request_handler, request_factory=plain.request_factory, **plain._kwargs)
        self._answer = answer

    def __call__(self) -> RequestHandler:
        return _Connection(self._answer, self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ("_answer",)

    def __init__(self, answer: Answer, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._answer = answer

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
        response = self._answer(_error_of(exc))
        response.force_close()  # where its next request would begin, nobody knows
        return response


def _error_of(error: HttpProcessingError) -> AtollError:
    if isinstance(error, LineTooLong):
        return HeadersTooLarge("The request line or a header is longer than this server reads.")
    return BadRequest("The request is not well-formed HTTP/1.1.")
