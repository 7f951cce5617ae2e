"""Fetching an image: from the nearest node that has it, checked against its name, else the next. I/O.

The bytes count only when their SHA-256 is the blob's name (a derivative's: when it begins as the node's ETag
says): a wrong byte from one node is like no answer from it. A node that is silent for longer than it lately
was is overtaken by the next one (atoll/hedging.py). A file appears under its name whole or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

import aiohttp
from yarl import URL

from atoll.backoff import Backoff
from atoll.client.connection import problem_error, reaching, read_body, silence_only
from atoll.client.query import Sleep
from atoll.client.source import PIECE_BYTES, FileUnusable, local_file
from atoll.client.views import Alternative, Resolved
from atoll.errors import (
    AtollError,
    BadTransformation,
    NotFound,
    TooLarge,
    Unavailable,
    Undecodable,
    UpstreamFailed,
)
from atoll.hedging import AllFailed, Hedger, Turn

ROUNDS = 3
_FATAL = (TooLarge, FileUnusable, BadTransformation, Undecodable)
# RFC 9530: a static server before a node knows no digest of a derivative, and leaves such a request to it.
_WANT_DIGEST = {"Want-Repr-Digest": "sha-256=10"}
_DIGEST_ETAG = re.compile(r'"([0-9a-f]{32,64})"', re.ASCII)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0


class WrongBytes(UpstreamFailed):
    """A node gave bytes that are not the blob's; they were thrown away."""


class Sink(Protocol):
    """Takes the bytes of one try after another; the last try's bytes are the right ones."""

    async def restart(self) -> None:
        """Forget everything: a new try begins."""

    async def write(self, piece: bytes) -> None:
        """Take the next bytes."""


class MemorySink:
    """Keeps the bytes; at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.content = bytearray()

    async def restart(self) -> None:
        """Forget everything."""
        self.content.clear()

    async def write(self, piece: bytes) -> None:
        """Take the next bytes; `TooLarge` above the limit."""
        if len(self.content) + len(piece) > self._limit:
            raise TooLarge("The image is larger than wanted; download it to a file.", limit=self._limit)
        self.content += piece


class FileSink:
    """Writes to an open file of its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    async def restart(self) -> None:
        """Forget everything."""
        with local_file(self._file.name):
            await asyncio.to_thread(self._file.seek, 0)
            await asyncio.to_thread(self._file.truncate)

    async def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        with local_file(self._file.name):
            await asyncio.to_thread(self._file.write, piece)


@asynccontextmanager
async def whole_file(path: Path, parts: Path | None = None) -> AsyncIterator[FileSink]:
    """A sink whose file takes the name `path` when the context ends well, and vanishes otherwise.

    Until then it lies in `parts`, a folder of the same file system, or beside where it will be.
    """
    name = os.fsencode(path.name)[:200].decode(errors="ignore")
    beside = (path.parent if parts is None else parts) / f".{name}.{secrets.token_hex(4)}.part"
    with local_file(path):
        file = await asyncio.to_thread(beside.open, "xb")
    try:
        try:
            yield FileSink(file)
            with local_file(path):
                await asyncio.to_thread(_sync, file)
        finally:
            await asyncio.to_thread(file.close)
        with local_file(path):
            await asyncio.to_thread(beside.replace, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


class Downloader:
    """Fetches blobs; knows between them only how fast each node lately began to answer."""

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        *,
        rng: random.Random | None = None,
        sleep: Sleep = asyncio.sleep,
        hedger: Hedger | None = None,
    ) -> None:
        self._session, self._hedger = session, hedger or Hedger()
        self._rng, self._sleep = rng or random.Random(), sleep

    async def fetch(self, resolve: Callable[[], Awaitable[Resolved]], sink: Sink) -> Resolved:
        """All bytes into `sink`; returns what was resolved, the node that gave them first.

        Nodes are tried in order, the next one also when one is silent. After a round without success
        `resolve` is asked again, because the nodes, or the signature in a private bucket's URL, may be
        others by then. Raises `NotFound` when every node says so, `UpstreamFailed` when all gave wrong
        bytes, else `Unavailable`; `tried` has each node's reason.
        """
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._rng)
        tried: dict[str, AtollError] = {}
        for number in range(ROUNDS):
            if number:
                await self._sleep(backoff.next())
            resolved = await resolve()
            if (source := await self._round(resolved, sink, tried)) is not None:
                return _given_by(resolved, source)
            if all(isinstance(error, NotFound) for error in tried.values()):
                break
        raise _nobody(tried)

    async def _round(
        self, resolved: Resolved, sink: Sink, tried: dict[str, AtollError]
    ) -> Alternative | None:
        async def attempt(source: Alternative, turn: Turn) -> Alternative:
            await self._from(source, turn, None if resolved.transformation else resolved.sha256, sink)
            return source

        try:  # what is wrong with the image, or here, is fatal: another node would not help
            return await self._hedger.first(
                resolved.candidates, lambda source: source.node, attempt, fatal=_FATAL
            )
        except AllFailed as failed:
            tried.update((failure.source.node, failure.error) for failure in failed.failures)
            return None

    async def _from(self, source: Alternative, turn: Turn, sha256: str | None, sink: Sink) -> None:
        """One try; `sha256` is None for a derivative."""
        digest = hashlib.sha256()
        url = URL(source.url, encoded=True)
        with reaching(url):
            headers = {} if sha256 else _WANT_DIGEST
            async with self._session().get(
                url, timeout=silence_only(), allow_redirects=False, headers=headers
            ) as response:
                if response.status != 200:
                    raise problem_error(await read_body(response), response.status)
                await turn.take()
                await sink.restart()
                expected = sha256 or _own_digest(response, source.node)
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    digest.update(piece)
                    await sink.write(piece)
        if not digest.hexdigest().startswith(expected):
            raise WrongBytes(f"{source.node} gave wrong bytes.", node=source.node, got=digest.hexdigest())


def _own_digest(response: aiohttp.ClientResponse, node: str) -> str:
    """The start of a derivative's SHA-256, which is its ETag: no name says what its bytes are."""
    etag = _DIGEST_ETAG.fullmatch(response.headers.get("ETag", ""))
    if etag is None:
        raise WrongBytes(f"{node} does not say which bytes these are (no digest in ETag).", node=node)
    return etag[1]


def _given_by(resolved: Resolved, source: Alternative) -> Resolved:
    others = tuple(other for other in resolved.candidates if other != source)
    return Resolved(
        url=source.url,
        node=source.node,
        region=source.region,
        sha256=resolved.sha256,
        asset_id=resolved.asset_id,
        distance_km=source.distance_km,
        alternatives=others,
        expires_at=resolved.expires_at,
        transformation=resolved.transformation,
        image_url=resolved.image_url,
    )


def _nobody(tried: dict[str, AtollError]) -> AtollError:
    reasons = {node: error.detail for node, error in tried.items()}
    errors = list(tried.values())
    if errors and all(isinstance(error, NotFound) for error in errors):
        return NotFound("No node has these bytes.", tried=reasons)
    if errors and all(isinstance(error, WrongBytes) for error in errors):
        return UpstreamFailed("Every node gave wrong bytes; none were kept.", tried=reasons)
    if len(errors) == 1:
        return errors[0]
    return Unavailable(f"None of {len(tried)} nodes could give the image.", tried=reasons)
