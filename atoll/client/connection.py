"""The client's HTTP session, its deadlines, and the one place where aiohttp's errors become ours. I/O."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from atoll.errors import (
    AtollError,
    BodyTimeout,
    Forbidden,
    NoSpace,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthorized,
    Unavailable,
    UpstreamFailed,
    from_problem,
)
from atoll.sent_once import LostConnection, sent_once
from atoll.settings import SettingsError
from atoll.version import __version__

CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 20.0  # a connection on which nothing moves for so long is given up
MAX_JSON_BYTES = 32 * 2**20  # a page of 1,000 assets with all their locations is about 2 MB
MAX_CONNECTIONS = 64


# What an answer means that is no problem document of ours: a proxy in between speaks, or aiohttp itself.
_UNTYPED = "about:blank"
_BY_STATUS: dict[int, type[AtollError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: BodyTimeout,
    413: TooLarge,
    429: Overloaded,
    502: UpstreamFailed,
    503: Unavailable,
    504: Unavailable,
    507: NoSpace,
}


class Unreachable(Unavailable):
    """No connection: the request was not sent, so it can have done nothing."""


class BrokeOff(Unavailable):
    """The connection ended or fell silent: the request may have been carried out all the same."""


def open_session(tls_ca_file: Path | None = None) -> aiohttp.ClientSession:
    """A session: bounded connections, no cookies, no environment proxies. `SettingsError` for a bad CA."""
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=_tls(tls_ca_file))
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a blob's name is the hash of its bytes as sent
        trust_env=False,
        headers={"User-Agent": f"atoll/{__version__}", "Accept-Encoding": "identity"},
        middlewares=(sent_once(_lost),),
    )


def _lost(request: aiohttp.ClientRequest, error: LostConnection) -> AtollError:
    host = str(request.url.origin())
    return BrokeOff(f"{host} broke off: {_reason(error)}.", server=host)


def _tls(ca_file: Path | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError([f"tls_ca_file: {ca_file} cannot be used: {error}"]) from error


def silence_only(seconds: float = SILENCE_SECONDS) -> aiohttp.ClientTimeout:
    """For bodies of any size: they may take their time, but something has to move."""
    return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=seconds)


def in_total(seconds: float) -> aiohttp.ClientTimeout:
    """For small questions and answers."""
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, CONNECT_SECONDS))


@contextmanager
def reaching(url: URL | str) -> Iterator[None]:
    """Raise `Unreachable` or `BrokeOff` for what the network does.

    Messages name the host only: a URL may hold a ticket or a signature.
    """
    host = str(URL(url, encoded=True).origin()) if isinstance(url, str) else str(url.origin())
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Unreachable(f"{host} cannot be reached: {_reason(error)}.", server=host) from error
    except TimeoutError as error:
        raise BrokeOff(f"{host} gave no answer in time.", server=host) from error
    except (aiohttp.ClientError, OSError) as error:
        raise BrokeOff(f"{host} broke off: {_reason(error)}.", server=host) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted ({error.certificate_error})"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or type(error.os_error).__name__
    return type(error).__name__


async def read_body(response: aiohttp.ClientResponse, limit: int = MAX_JSON_BYTES) -> bytes:
    """The whole body; `UpstreamFailed` when it is longer than `limit` bytes."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > limit:
            raise UpstreamFailed(f"An answer has more than {limit} bytes.", limit=limit)
    return bytes(body)


async def read_answer(response: aiohttp.ClientResponse, kind: Any) -> Any:
    """The answer as a `kind`; the error that a problem document stands for; `UpstreamFailed` for nonsense."""
    body = await read_body(response)
    if response.status >= 300:
        raise problem_error(body, response.status)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        host = str(response.url.origin())
        raise UpstreamFailed(f"{host} answered something else than expected: {error}", server=host) from error


def problem_error(body: bytes, status: int) -> AtollError:
    """The error of an answer whose status is not 2xx. A redirect is no answer any part gives the client."""
    try:
        document = msgspec.json.decode(body[:65536], type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        document = {}
    if status < 400:
        return UpstreamFailed(f"Got an unexpected redirect (HTTP {status}).", http_status=status)
    if document.get("type", _UNTYPED) == _UNTYPED and status in _BY_STATUS:
        said = document.get("detail") or document.get("title") or "no reason given"
        return _BY_STATUS[status](f"HTTP {status}: {str(said)[:500]}", http_status=status)
    return from_problem(document, status)
