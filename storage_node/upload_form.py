"""A multipart/form-data body as a sequence of files (RFC 7578): parts named `file`, and before them a few
fields that a plain HTML form may bring; others are skipped.

Everything aiohttp's reader raises for a broken form becomes `BadRequest` here. Called by uploads_api.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http import HttpProcessingError

from atoll.errors import BadRequest
from storage_node.body_pace import Pace
from storage_node.form_words import WORDS

FIELD = "file"
READ_BYTES = 65536
OTHER_PART_BYTES = 65536
FIELDS = frozenset(
    {"ticket", "success_redirect", *WORDS}
)  # as S3 has it: those after the first file are mute
FIELD_BYTES = 8192
OTHER_PARTS = 64  # what forms carry besides files: tokens, captions; more is somebody keeping us busy


@contextmanager
def _readable() -> Iterator[None]:
    # HttpProcessingError: a part's header is malformed or too long; the others: boundaries are wrong.
    try:
        yield
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        reason = ascii(str(error) or type(error).__name__)[:200]
        raise BadRequest(f"The multipart form is broken: {reason}") from error


class UploadForm:
    """The files of one request, one after another. Every read is paced.

    `fields`: those of `FIELDS` that came before the first file, once that was reached. `ticketed`: the URL
    has brought a ticket; else any field may be it, and who sends nameless parts before it is a stranger.
    """

    def __init__(self, request: web.Request, pace: Pace, *, ticketed: bool) -> None:
        self._request, self._pace, self._ticketed = request, pace, ticketed
        self.fields: dict[str, str] = {}

    async def files(self) -> AsyncIterator[BodyPartReader]:
        """The parts named `file`. `BadRequest` when the form is broken, has none, or far too many others."""
        with _readable():
            reader = await self._request.multipart()
        found = others = 0
        while (part := await self._next(reader)) is not None:
            if part.name == FIELD:
                found += 1
                yield part
                continue
            others += 1
            if others > OTHER_PARTS:
                raise BadRequest(f"The form has over {OTHER_PARTS} parts not named {FIELD!r}.")
            if not (part.name or self._ticketed or "ticket" in self.fields):
                raise BadRequest("A part has no name that can be read, and no `ticket` came before it.")
            if not found and part.name in FIELDS:
                limit = OTHER_PART_BYTES if part.name in WORDS else FIELD_BYTES
                self.fields[part.name] = await self._text(part, limit)
                continue
            await self.skip(part, OTHER_PART_BYTES)
        if not found:
            raise BadRequest(f"The form has no part named {FIELD!r}.")

    async def _next(self, reader: MultipartReader) -> BodyPartReader | None:
        with _readable():
            part = await self._pace.within(reader.next())
        if isinstance(part, MultipartReader):
            raise BadRequest("A form within a form is not taken.")
        return part

    async def body(self, part: BodyPartReader, max_bytes: int) -> AsyncIterator[bytes]:
        """The bytes of a part."""
        with _readable():
            async for chunk in self._pace.chunks(lambda: part.read_chunk(READ_BYTES), max_bytes):
                yield chunk
            if not part.at_eof():  # the reader gives nothing more at the body's end, boundary or not
                raise ValueError("a part has no end")

    async def _text(self, part: BodyPartReader, max_bytes: int) -> str:
        """A field, which is short."""
        text = b"".join([chunk async for chunk in self.body(part, max_bytes)])
        try:
            return text.decode().strip()
        except UnicodeDecodeError as error:
            raise BadRequest(f"The form's field {part.name} is not UTF-8.") from error

    async def skip(self, part: BodyPartReader, max_bytes: int) -> None:
        """Read past (the rest of) a part, so that the next one can be reached."""
        async for _ in self.body(part, max_bytes):
            pass
