"""Bodies that may be data URIs: looked at, and turned into the image's bytes as they come.

Decoding runs in the threads that write uploads: a megabyte of base64 is milliseconds, too long for the loop.
Memory is one piece, whatever the size. Called for bodies and form fields that say they are text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import dataclass

from storage_node.body_pace import too_large
from storage_node.data_uri import PREFIX, DataUriDecoder, is_data_uri

TEXT_TYPES = frozenset({"text/plain", "application/x-www-form-urlencoded"})  # how texts and `curl -d` come


@dataclass(frozen=True)
class Opened:
    """A body after its first bytes were looked at. `declared`: a data URI's own media type."""

    pieces: AsyncIterator[bytes]
    is_data_uri: bool
    declared: str | None = None


async def opened(body: AsyncIterator[bytes], max_bytes: int, threads: Executor) -> Opened:
    """`body` as it is, or, if it is a data URI, what that carries: at most `max_bytes` of it.

    Raises `BadRequest` for a broken data URI, `TooLarge`; so do the pieces.
    """
    first = b""
    while len(first) < len(PREFIX) and (piece := await anext(body, b"")):
        first += piece
    if not is_data_uri(first):
        return Opened(_joined(first, body), is_data_uri=False)
    decoder = DataUriDecoder()
    pieces = _decoded(decoder, _joined(first, body), max_bytes, threads)
    beginning = await anext(pieces, b"")
    return Opened(_joined(beginning, pieces), is_data_uri=True, declared=decoder.media_type)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


async def _decoded(
    decoder: DataUriDecoder, body: AsyncIterator[bytes], max_bytes: int, threads: Executor
) -> AsyncIterator[bytes]:
    loop, size = asyncio.get_running_loop(), 0
    async for piece in body:
        data = await loop.run_in_executor(threads, decoder.feed, piece)
        size += len(data)
        if size > max_bytes:
            raise too_large(max_bytes)
        if data:
            yield data
    decoder.finish()
