"""Bodies that may be data URIs: looked at, and turned into the image's bytes as they come.

Decoding runs in the threads that write uploads: a megabyte of base64 is milliseconds, too long for the loop.
Memory is one piece, whatever the size. Called for bodies and form fields that say they are text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from storage_node.body_pace import too_large
from storage_node.data_uri import PREFIX, DataUriDecoder, is_data_uri, most_encoded

Read = Callable[[int], AsyncIterator[bytes]]

_TEXT_TYPES = frozenset({"text/plain", "application/x-www-form-urlencoded"})  # a page's string, `curl -d`


@dataclass(frozen=True)
class Opened:
    """A body after a look at its first bytes. `declared`: what type it says it has; a data URI its own."""

    pieces: AsyncIterator[bytes]
    declared: str | None


def is_text(content_type: str | None) -> bool:
    """Whether a body may be a data URI; without a type (None: a form's plain field) it may, too."""
    return content_type is None or content_type.partition(";")[0].strip().lower() in _TEXT_TYPES


def most_sent(content_type: str | None, max_bytes: int) -> int:
    """How long a body of this type may be if the image in it may have `max_bytes`."""
    return most_encoded(max_bytes) if is_text(content_type) else max_bytes


class TextBodies:
    """`threads` decode."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads

    async def opened(self, read: Read, content_type: str | None, max_bytes: int) -> Opened:
        """What `read` gives (told how much at most), or, if that is a data URI, what it carries.

        Raises `NotAnImage` for a broken data URI, `TooLarge` above `max_bytes` of image; so do the pieces.
        """
        if not is_text(content_type):
            return Opened(read(max_bytes), content_type)
        body, first = read(most_encoded(max_bytes)), b""
        while len(first) < len(PREFIX) and (piece := await anext(body, b"")):
            first += piece
        whole = _joined(first, body)
        if not is_data_uri(first):
            return Opened(_limited(whole, max_bytes), content_type)
        decoder = DataUriDecoder()
        pieces = _limited(self._decoded(decoder, whole), max_bytes)
        beginning = await anext(pieces, b"")  # by then its type is known
        return Opened(_joined(beginning, pieces), decoder.media_type)

    async def _decoded(self, decoder: DataUriDecoder, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        async for piece in body:
            if data := await loop.run_in_executor(self._threads, decoder.feed, piece):
                yield data
        decoder.finish()


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


async def _limited(body: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in body:
        size += len(piece)
        if size > max_bytes:
            raise too_large(max_bytes)
        yield piece
