"""Calls from one daemon to a node's internal API: signed, with a deadline, errors made ours. I/O.

Used by nodes (peers), replicators (their own node) and query services (deletes, probes; of a monitor, too).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec
from yarl import URL

from atoll.errors import AtollError, Unavailable, UpstreamFailed, from_problem
from atoll.ids import now_ms
from atoll.sent_once import LostConnection, sent_once
from atoll.signing import Keys, internal_token

T = TypeVar("T")

CONNECT_SECONDS = 1.0
CONNECTIONS_PER_NODE = 32
MAX_ANSWER_BYTES = 8 * 2**20
MAX_PROBLEM_BYTES = 65536


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session for internal calls: bounded connections, no cookies, no proxies, no retry but ours."""
    connector = aiohttp.TCPConnector(limit=256, limit_per_host=CONNECTIONS_PER_NODE, keepalive_timeout=60)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        middlewares=(sent_once(_lost),),
    ) as session:
        yield session


def _lost(request: aiohttp.ClientRequest, error: LostConnection) -> AtollError:
    return UpstreamFailed(f"{request.url.origin()} broke off: {error!r}")


class Callee(Protocol):
    """Whoever is called: a node of the map, or another daemon that opens tokens made out to `name`."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...


class NodeClient:
    """Speaks to nodes as `caller` (a daemon's name)."""

    def __init__(
        self, session: aiohttp.ClientSession, keys: Keys, caller: str, clock: Callable[[], int] = now_ms
    ) -> None:
        self._session, self._keys, self._caller, self._clock = session, keys, caller, clock

    @asynccontextmanager
    async def open(
        self,
        node: Callee,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        seconds: float = 10.0,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response to an internal request, its status below 400.

        `seconds` bounds silence (connect, and each read), so that a large blob may take its time but a
        peer that hangs may not; who reads a body bounds the whole. Raises what the problem document says,
        `Unavailable` when the node cannot be reached, `UpstreamFailed` when it breaks off.
        """
        sent = b"" if body is None else msgspec.json.encode(body)
        token = internal_token(self._caller, node.name, method, path, self._keys, self._clock(), sent)
        timeout = aiohttp.ClientTimeout(
            total=None, connect=seconds, sock_connect=CONNECT_SECONDS, sock_read=seconds
        )
        try:
            async with self._session.request(
                method,
                URL(node.url + path, encoded=True),  # what the token is for, and no other spelling
                data=sent or None,
                headers={"Authorization": f"Atoll {token}", **(headers or {})},
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status >= 400:
                    raise await _problem(response)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"Node {node.name} cannot be reached.", node=node.name) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamFailed(f"Node {node.name} broke off: {error!r}", node=node.name) from error

    async def call(
        self,
        node: Callee,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: Any = None,
        seconds: float = 10.0,
        heard: Callable[[int], None] | None = None,
    ) -> T:
        """The JSON answer to an internal request, as a `kind`; all of it within `seconds`.

        `heard` is told how many bytes the answer had.
        """
        try:
            async with (
                asyncio.timeout(seconds),
                self.open(node, method, path, body=body, seconds=seconds) as response,
            ):
                answer = await read_bounded(response, MAX_ANSWER_BYTES)
        except TimeoutError as error:
            raise UpstreamFailed(f"Node {node.name} gave no answer in time.", node=node.name) from error
        if heard is not None:
            heard(len(answer))
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.MsgspecError as error:
            raise UpstreamFailed(f"Node {node.name} answered nonsense: {error}", node=node.name) from error


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body, or as much of it as fits: a cut-off document does not parse."""
    body = bytearray()
    while len(body) < limit and (part := await response.content.read(limit - len(body))):
        body += part
    return bytes(body)


async def _problem(response: aiohttp.ClientResponse) -> AtollError:
    try:
        document = msgspec.json.decode(await read_bounded(response, MAX_PROBLEM_BYTES), type=dict[str, Any])
    except msgspec.MsgspecError:
        document = {}
    return from_problem(document, response.status)
