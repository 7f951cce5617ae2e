"""An image from somebody else's server: through the wall, along its redirects, as pieces that have a limit.

Each hop is held to the bucket's list of hosts and to the wall (atoll/outward.py) by itself; redirects are
bounded and their bodies are not read. What the other server says of type and name counts for nothing: the
bytes are looked at as every upload's are. Called by jobs/fetch_job.py, which bounds the time of the whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

import aiohttp

from atoll import names
from atoll.errors import BadName, BodyMismatch, NotFetched, OutwardFailed, OutwardRefused
from atoll.outward import Outward
from atoll.outward_url import OutwardUrl, host_allowed, parse_redirect, parse_url
from storage_node.body_pace import Pace, too_large

READ_BYTES = 128 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429})  # and 5xx: it may be there another time
_ACCEPT = {"Accept": "image/*"}


@dataclass(frozen=True)
class FetchRules:
    """`ports` that may be named, `redirects` that are followed, how fast the body must come."""

    ports: tuple[int, ...]
    redirects: int
    pace: Pace


@dataclass(frozen=True)
class Fetched:
    """A body about to be read: its pieces, its length if it was told, and the file name in its URL."""

    pieces: AsyncIterator[bytes]
    length: int | None
    filename: str | None


class UrlFetcher:
    """Fetches; holds nothing between two fetches."""

    def __init__(self, outward: Outward, rules: FetchRules) -> None:
        self._outward, self._rules = outward, rules

    @asynccontextmanager
    async def fetched(self, text: str, hosts: Iterable[str], max_bytes: int) -> AsyncIterator[Fetched]:
        """What the URL leads to, at most `max_bytes` of it.

        Raises `OutwardRefused` (a URL, host or address that is not taken, at any hop), `NotFetched` (no
        image there), `TooLarge`, and what is worth another try: `OutwardFailed`, `BodyTimeout`.
        """
        allowed = tuple(hosts)
        url, left = self._allowed(parse_url(text, self._rules.ports), allowed), self._rules.redirects
        while True:
            async with self._outward.open(url, headers=_ACCEPT) as response:
                if response.status not in _REDIRECTS:
                    yield self._body(url, response, max_bytes)
                    return
                target = self._target(url, response, left)
            url, left = self._allowed(target, allowed), left - 1

    def _allowed(self, url: OutwardUrl, hosts: tuple[str, ...]) -> OutwardUrl:
        if not host_allowed(url.host, hosts):
            raise OutwardRefused(
                f"{url.host} is not among the hosts that this bucket fetches from (fetch_hosts).",
                host=url.host,
            )
        return url

    def _target(self, url: OutwardUrl, response: aiohttp.ClientResponse, left: int) -> OutwardUrl:
        location = response.headers.get("Location")
        if location is None:
            raise NotFetched(f"{url.origin} redirects to nowhere.")
        if not left:
            limit = self._rules.redirects
            raise NotFetched(f"The URL was redirected more than {limit} times.", limit=limit)
        return parse_redirect(url, location, self._rules.ports)

    def _body(self, url: OutwardUrl, response: aiohttp.ClientResponse, max_bytes: int) -> Fetched:
        if response.status != 200:
            _refuse_status(url, response.status)
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise NotFetched(f"{url.origin} sends packed bytes, though it was asked not to.")
        length = response.content_length
        if length is not None and length > max_bytes:
            raise too_large(max_bytes, length)
        return Fetched(self._pieces(url, response, max_bytes), length, filename_of(url))

    async def _pieces(
        self, url: OutwardUrl, response: aiohttp.ClientResponse, max_bytes: int
    ) -> AsyncIterator[bytes]:
        try:
            async for piece in self._rules.pace.chunks(lambda: response.content.read(READ_BYTES), max_bytes):
                yield piece
        except BodyMismatch as error:  # theirs, not the request's
            raise OutwardFailed(f"{url.origin} broke off.", **error.facts) from error


def filename_of(url: OutwardUrl) -> str | None:
    """The last part of the URL's path, if it can be a file's name; a remark only."""
    try:
        return names.check_filename(unquote(url.path.rpartition("/")[2], errors="strict"))
    except (BadName, UnicodeDecodeError):
        return None


def _refuse_status(url: OutwardUrl, status: int) -> NoReturn:
    told = f"{url.origin} answered {status}."
    if status >= 500 or status in _LATER:
        raise OutwardFailed(told, origin_status=status)
    raise NotFetched(told, origin_status=status)
