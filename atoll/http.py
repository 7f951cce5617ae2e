"""The HTTP manners of every daemon: problem documents, typed JSON, and an ordered stop. I/O.

A handler raises an `AtollError` or returns a response; whatever goes wrong leaves as
`application/problem+json` (RFC 9457), never as a traceback.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from atoll.errors import AtollError, BadRequest, BodyMismatch, BodyTimeout, Forbidden, NotFound, TooLarge
from atoll.http_protocol import (
    BROKEN_BODY,
    DEFAULT_LIMITS,
    Connection,
    ProblemRunner,
    RequestLimits,
    Server,
)
from atoll.json_depth import is_deeper

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")

MAX_JSON_BYTES = 1024 * 1024
JSON_SECONDS = 15.0
LIMITS = web.AppKey("limits", RequestLimits)
BODY = web.RequestKey("body", bytes)  # where a door had to look at it (internal_call.py), for `read_json`
SAFE_HEADERS = {"X-Content-Type-Options": "nosniff"}
_JSON_HEADERS = CIMultiDict({**SAFE_HEADERS, "Content-Type": "application/json"})  # copied by each response
_BACKLOG = 1024  # connections that wait to be accepted
_encoder = msgspec.json.Encoder()


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`value` (a Struct, dict or list) as `application/json`."""
    response = web.Response(body=_encoder.encode(value), status=status, headers=_JSON_HEADERS)
    if headers:
        response.headers.update(headers)
    return response


def problem_response(error: AtollError) -> web.Response:
    """The RFC 9457 document of `error`; `retry_after` (seconds) also becomes the header."""
    headers = {**SAFE_HEADERS, "Cache-Control": "no-store"}
    retry_after = error.facts.get("retry_after")
    if isinstance(retry_after, (int, float)):
        headers["Retry-After"] = str(max(1, round(retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=_document(error),
        status=error.status,
        content_type="application/problem+json",
        headers=headers,
    )


def _document(error: AtollError) -> bytes:
    """The document's JSON. What was sent is quoted in it, and a header's bytes that are no UTF-8 come from
    aiohttp as lone surrogates, which no encoder takes: they are shown escaped, or the refusal would fail.
    """
    try:
        return _encoder.encode(error.problem())
    except UnicodeEncodeError:
        return _encoder.encode(_escaped(msgspec.to_builtins(error.problem())))


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {_escaped(name): _escaped(member) for name, member in value.items()}
        case list() | tuple():
            return [_escaped(member) for member in value]
    return value


class _HttpProblem(AtollError):
    """An answer that aiohttp itself gives (405, 413, …), in our shape."""

    def __init__(self, error: web.HTTPException) -> None:
        super().__init__(error.text or error.reason)
        self._error = error

    def problem(self) -> dict[str, Any]:
        error = self._error
        return {"type": "about:blank", "title": error.reason, "status": error.status, "detail": self.detail}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a handler into a problem document."""
    try:
        return await handler(request)
    except AtollError as error:
        if error.status >= 500:
            # One member: a peer's facts may be called what logging keeps for itself, and it would raise.
            facts = {"facts": dict(error.facts)}
            log.warning("%s %s: %s", request.method, request.path, error.detail, extra=facts)
        return problem_response(error)
    except web.HTTPException as error:
        return _translate(error)
    except Exception:  # the loop's edge: a bug becomes a logged 500, the connection and the daemon go on
        log.exception("%s %s failed", request.method, request.path)
        return problem_response(AtollError("This is a bug on our side; it has been logged."))


def _translate(error: web.HTTPException) -> web.Response:
    if error.status < 400:
        raise error
    if error.status == 404:
        return problem_response(NotFound("Nothing is served at this path."))
    document = _HttpProblem(error)
    response = web.Response(
        body=_document(document),
        status=error.status,
        content_type="application/problem+json",
        headers={**SAFE_HEADERS, "Cache-Control": "no-store"},
    )
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


async def read_json(
    request: web.Request, kind: type[T], limit: int = MAX_JSON_BYTES, seconds: float = JSON_SECONDS
) -> T:
    """The request's JSON body as a `kind`, all within `seconds`; `BadRequest` names the wrong member."""
    body = request.get(BODY)
    if body is None:
        body = await read_body(request, limit, seconds)
    elif len(body) > limit:
        raise _too_large(limit)
    deepest = request.app.get(LIMITS, DEFAULT_LIMITS).json_depth
    if is_deeper(body, deepest):
        raise BadRequest(f"JSON is nested at most {deepest} deep here.", limit=deepest)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The JSON body is not right: {error}") from error


async def read_body(request: web.Request, limit: int, seconds: float) -> bytes:
    """The request's body, all within `seconds`; `BodyTimeout`, `BodyMismatch`, `TooLarge` (over `limit`)."""
    try:
        async with asyncio.timeout(seconds):
            return await _read_body(request, limit)
    except TimeoutError as error:
        raise BodyTimeout(f"The body did not come within {seconds:g} s.", seconds=seconds) from error
    except BROKEN_BODY as error:  # nobody hears of it; it is no bug either
        raise BodyMismatch("The body broke off.") from error


async def _read_body(request: web.Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_chunked(65536):
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"A JSON body has at most {limit} bytes.", limit=limit)


def query_number(request: web.Request, name: str, low: float, high: float) -> float | None:
    """A number from the query string, or None; `BadRequest` outside [low, high]."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise BadRequest(f"{name} is a number from {low:g} to {high:g}.", parameter=name, got=text[:40])
    return value


def allow_only(networks: Sequence[str]) -> Callable[[web.Request], None]:
    """A check that raises `Forbidden` unless the peer's address lies in one of `networks` (CIDR)."""
    allowed = [ipaddress.ip_network(network) for network in networks]

    def check(request: web.Request) -> None:
        address = _plain_address(request.remote or "0.0.0.0")  # noqa: S104 - matches nothing
        if not any(address in network for network in allowed):
            raise Forbidden("This path may be read from the networks in metrics_allow only.")

    return check


def _plain_address(remote: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Without its zone, and as IPv4 when that is what came in over an IPv6 socket (::ffff:a.b.c.d)."""
    address = ipaddress.ip_address(remote.split("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


@asynccontextmanager
async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    drain_seconds: float,
    reuse_port: bool = False,
    front: Callable[[Handler], Handler] | None = None,
    limits: RequestLimits = DEFAULT_LIMITS,
    connection: type[Connection] | None = None,
    sockets: Sequence[socket.socket] = (),
) -> AsyncIterator[Server]:
    """Serve `app` while the context lasts; at its end stop accepting and wait for requests under way.

    The server it gives takes over connections that another process accepted. `connection`: see the runner.
    `sockets`: listen on these, which are bound, and not on `host` and `port`; they are closed at the end.

    `front` is put before routing and middlewares: given the application's handler it returns its own,
    which answers what it can at once and passes everything else on.
    """
    app[LIMITS] = limits
    runner = ProblemRunner(
        app,
        problem_response,
        access_log=None,
        auto_decompress=False,  # nobody sends us compressed bodies but bombs
        handle_signals=False,
        drain_seconds=drain_seconds,
        limits=limits,
        connection=connection,
        keepalive_timeout=75,
    )
    await runner.setup()
    server: Any = runner.server  # typed for BaseRequest, but an application's server makes Requests
    if front is not None:
        server.request_handler = front(server.request_handler)
    try:
        sites: list[web.BaseSite] = [web.SockSite(runner, sock, backlog=_BACKLOG) for sock in sockets]
        if not sites:
            sites = [web.TCPSite(runner, host, port, reuse_port=reuse_port or None, backlog=_BACKLOG)]
        for site in sites:
            await site.start()
        yield server
    finally:
        await runner.cleanup()
