"""Sending a body piece by piece, as fast as the client reads and no faster. I/O.

Memory for one answer is one piece and what the socket's buffer takes; a client that reads nothing for
`SEND_SECONDS` is cut off. After the headers are out an error can only be told by a cut: Content-Length
says how much was promised, so a client sees that it did not get it all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from aiohttp import web

from atoll.errors import AtollError
from storage_node.chunks import CHUNK_BYTES

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0
_SLICE = 64 * 1024

Pieces = AsyncGenerator[memoryview, None]


async def from_memory(body: bytes, start: int, end: int) -> Pieces:
    """Bytes `start` to `end` of a body at hand."""
    yield memoryview(body)[start:end]


async def from_chunks(read: Callable[[int], Awaitable[bytes]], start: int, end: int) -> Pieces:
    """Bytes `start` to `end` of a blob that is read chunk by chunk."""
    for index in range(start // CHUNK_BYTES, -(-end // CHUNK_BYTES)):
        base = index * CHUNK_BYTES
        chunk = memoryview(await read(index))
        yield chunk[max(0, start - base) : end - base]


async def send(request: web.Request, response: web.StreamResponse, pieces: Pieces) -> tuple[int, bool]:
    """Send the headers and the body; how many bytes, and whether that is all of them.

    An error before the first piece is raised, as the answer can still be a problem document.
    """
    async with aclosing(pieces):
        piece = await anext(pieces)
        sent = 0
        try:
            await response.prepare(request)
            while True:
                sent += await _write(response, piece)
                if (following := await anext(pieces, None)) is None:
                    break
                piece = following
            async with asyncio.timeout(SEND_SECONDS):
                await response.write_eof()
        except (ConnectionError, TimeoutError, AtollError) as error:
            _cut(request, response, error)
            return sent, False
        return sent, True


async def _write(response: web.StreamResponse, piece: memoryview) -> int:
    for start in range(0, len(piece), _SLICE):
        async with asyncio.timeout(SEND_SECONDS):
            await response.write(piece[start : start + _SLICE])
    return len(piece)


def _cut(request: web.Request, response: web.StreamResponse, error: Exception) -> None:
    if isinstance(error, AtollError):
        log.error(
            "an answer was cut: %s", error.detail, extra={"path": request.path, "facts": dict(error.facts)}
        )
    response.force_close()
    if request.transport is not None:
        request.transport.abort()
