"""A multipart/form-data body as a sequence of files (RFC 7578): parts named `file`; others are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import BodyPartReader, MultipartReader, web

from atoll.errors import BadRequest

READ_BYTES = 65536
SKIPPED_PART_BYTES = 65536

# (read, max_bytes) -> chunks, at the pace a body must keep
Pace = Callable[[Callable[[], Awaitable[bytes]], int], AsyncIterator[bytes]]


class UploadForm:
    """The files of one request, one after another. Every read is paced."""

    def __init__(self, request: web.Request, pace: Pace) -> None:
        self._request, self._pace = request, pace

    async def files(self) -> AsyncIterator[BodyPartReader]:
        """The parts named `file`. `BadRequest` when the form is not one."""
        try:
            reader = await self._request.multipart()
            while (part := await self._next(reader)) is not None:
                if part.name == "file":
                    yield part
                else:
                    await self.skip(part, SKIPPED_PART_BYTES)
        except (ValueError, AssertionError) as error:  # what aiohttp's reader raises for a broken form
            raise BadRequest(f"The form cannot be read: {error}") from error

    async def _next(self, reader: MultipartReader) -> BodyPartReader | None:
        found: list[MultipartReader | BodyPartReader | None] = []

        async def read() -> bytes:
            found.append(await reader.next())
            return b""

        async for _ in self._pace(read, 1):
            pass
        if isinstance(found[0], MultipartReader):
            raise BadRequest("A form within a form is not taken.")
        return found[0]

    def body(self, part: BodyPartReader, max_bytes: int) -> AsyncIterator[bytes]:
        """The bytes of a part."""
        return self._pace(lambda: part.read_chunk(READ_BYTES), max_bytes)

    async def skip(self, part: BodyPartReader, max_bytes: int) -> None:
        """Read past (the rest of) a part, so that the next one can be reached."""
        async for _ in self.body(part, max_bytes):
            pass
