"""The wall between us and URLs of other people: requests go to public addresses only, whatever a name says.

A URL is read once (outward_url.py), its name is resolved once, every address of the answer is checked
(outward_addresses.py), and the connection goes to an address that was checked: a resolver that says something
else a moment later is not asked again. The socket is checked once more where it is made, so nothing gets
round the resolver. TLS and Host keep the name. No redirect is followed here, no proxy of the environment is
used, no cookie kept, nothing unpacked; connections are not kept for the next request, which is checked anew.

Used by nodes that fetch images and by query services that call webhooks. Built by a daemon's app.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from atoll.errors import OutwardFailed, OutwardRefused
from atoll.outward_addresses import AddressPolicy
from atoll.outward_url import OutwardUrl
from atoll.version import __version__

log = logging.getLogger(__name__)

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_HEADER_BYTES = 8190  # of one line
MAX_CONNECTIONS = 64
_LOOKUP_THREADS = 4  # of our own: a name server that is slow on purpose must not hold up anything else
_MAX_ADDRESSES = 16
_HEADERS = {"User-Agent": f"Atoll/{__version__}", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class OutwardLimits:
    """Seconds: `connect` with look-up and TLS, `headers` until the answer begins, `idle` of silence in it."""

    connect: float = 5.0
    headers: float = 10.0
    idle: float = 10.0


class Outward:
    """Sends requests to URLs from outside; one per daemon."""

    def __init__(self, session: aiohttp.ClientSession, policy: AddressPolicy, limits: OutwardLimits) -> None:
        self._session, self._policy, self._limits = session, policy, limits

    @asynccontextmanager
    async def open(
        self,
        url: OutwardUrl,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to one request, whatever its status. Who reads its body bounds size and time of it.

        Raises `OutwardRefused` when the URL leads to an address that is none of the public ones, and
        `OutwardFailed` when nobody answers there or it breaks off.
        """
        check_address(url, self._policy)
        try:
            response = await self._begin(url, method, headers or {}, body)
            async with response:
                yield response
        except TimeoutError as error:
            raise OutwardFailed(f"{url.origin} did not answer in time.") from error
        except (aiohttp.ClientError, OSError) as error:
            log.info("a request outward failed", extra={"origin": url.origin, "error": repr(error)})
            raise OutwardFailed(f"{url.origin} could not be reached, or broke off.") from error

    async def _begin(
        self, url: OutwardUrl, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        limits = self._limits
        timeout = aiohttp.ClientTimeout(total=None, connect=limits.connect, sock_read=limits.idle)
        async with asyncio.timeout(limits.connect + limits.headers):
            return await self._session.request(
                method,
                url.request_url(),
                headers={**_HEADERS, **headers},
                data=body,
                timeout=timeout,
                allow_redirects=False,
            )


def check_address(url: OutwardUrl, policy: AddressPolicy) -> None:
    """`OutwardRefused` for a URL whose host is itself an address that may not be reached. No look-up."""
    if url.is_address and not policy.allows(url.host):
        raise not_public(url.host)


def not_public(host: str) -> OutwardRefused:
    """Says nothing of the address: whoever asks shall not learn our network from refusals."""
    return OutwardRefused(f"{host} leads to an address that is not public.", host=host)


@asynccontextmanager
async def open_outward(
    policy: AddressPolicy,
    limits: OutwardLimits,
    *,
    lookup: Lookup | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Outward]:
    """`lookup` gives the addresses of a name (the system's resolver without); `tls`: whom to trust."""
    with _LookupThreads() as threads:
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(policy, lookup or _system_lookup(threads)),
            use_dns_cache=False,
            force_close=True,
            limit=MAX_CONNECTIONS,
            ssl=tls or True,
            socket_factory=_guarded_sockets(policy),
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        ) as session:
            yield Outward(session, policy, limits)


class _LookupThreads(ThreadPoolExecutor):
    """Look-ups cannot be broken off: one that hangs is left behind at the end."""

    def __init__(self) -> None:
        super().__init__(_LOOKUP_THREADS, "outward lookup")

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False, cancel_futures=True)


def _system_lookup(threads: ThreadPoolExecutor) -> Lookup:
    def addresses(host: str, port: int) -> list[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def lookup(host: str, port: int) -> Sequence[str]:
        return await asyncio.get_running_loop().run_in_executor(threads, addresses, host, port)

    return lookup


class _CheckedResolver(AbstractResolver):
    """One look-up per connection; every address of the answer must be allowed, or none is used."""

    def __init__(self, policy: AddressPolicy, lookup: Lookup) -> None:
        self._policy, self._lookup = policy, lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """What aiohttp connects to. `OutwardRefused`, which it passes on."""
        addresses = list(await self._lookup(host, port))[:_MAX_ADDRESSES]
        refused = [address for address in addresses if not self._policy.allows(address)]
        if refused:
            log.warning("a name leads to addresses of ours", extra={"host": host, "addresses": refused})
            raise not_public(host)
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """Holds nothing."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
    )


def _guarded_sockets(policy: AddressPolicy) -> Callable[[Any], socket.socket]:
    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        if not policy.allows(str(address[0])):
            raise PermissionError(f"no socket is made for {address[0]}")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    return make
