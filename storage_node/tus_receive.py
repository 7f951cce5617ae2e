"""A request's bytes onto the end of an upload: written as they come, counted only once they are durable.

Every `CHECKPOINT_BYTES`, and at the end of the body, the file is fsynced and then the record says so: a body
that breaks off, and a node that is killed, cost what came since. With a checksum the bytes count all or not
at all, so there is no checkpoint before it was compared. Called by tus_api.py, one request at a time for each
upload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from atoll.errors import AtollError, BodyMismatch, BodyTimeout, TooLarge
from atoll.tus_errors import ChecksumMismatch
from storage_node.body_pace import Pace
from storage_node.thread_work import to_the_end
from storage_node.tus_book import TusBook
from storage_node.tus_headers import Checksum
from storage_node.tus_record import TusRecord
from storage_node.tus_shelf import Part, TusShelf

T = TypeVar("T")

PIECE_BYTES = 256 * 1024  # written at once
CHECKPOINT_BYTES = 4 * 1024 * 1024

Read = Callable[[], Awaitable[bytes]]


class Receiver:
    """`threads` write."""

    def __init__(self, shelf: TusShelf, book: TusBook, pace: Pace, threads: Executor) -> None:
        self._shelf, self._book, self._pace, self._threads = shelf, book, pace, threads

    async def receive(self, record: TusRecord, read: Read, checksum: Checksum | None) -> int:
        """Take what `read` gives; how many bytes the upload has then. If that is all of a whole upload,
        nothing was recorded of the last ones yet: its end is to be tried first, see tus_finish.py.

        Raises what is wrong with the body, after what came was kept; `ChecksumMismatch`, and nothing was.
        """
        part = await self._run(partial(self._shelf.part, record))
        try:
            arriving = _Arriving(self, record, part, checksum)
            broken = await self._take(arriving, read)
            await arriving.write()
            if checksum is not None and (broken or not checksum.matches):
                raise broken or ChecksumMismatch(
                    "The bytes do not have the checksum that was sent. None was kept: send them again.",
                    algorithm=checksum.algorithm,
                    offset=record.offset,
                )
            await arriving.settle()
            if broken:
                raise broken
            return arriving.size
        finally:
            await asyncio.shield(self._run(part.close))

    async def _take(self, arriving: _Arriving, read: Read) -> AtollError | None:
        """What was wrong with the body, if anything was."""
        try:
            async for chunk in self._pace.chunks(read, arriving.record.left):
                await arriving.feed(chunk)
        except (BodyMismatch, BodyTimeout, TooLarge) as error:
            return error
        return None

    async def keep(self, record: TusRecord, received: int) -> TusRecord:
        """Record that `received` bytes, which may lie in the file unsynced, count."""
        part = await self._run(partial(self._shelf.part, record.at(received)))
        try:
            return await self.checkpoint(record, part, received)
        finally:
            await asyncio.shield(self._run(part.close))

    async def checkpoint(self, record: TusRecord, part: Part, received: int) -> TusRecord:
        """The record with `received` bytes, durable and told from now on."""
        further = record.at(received)
        await self._run(partial(self._write_down, part, further))
        self._book.put(further)
        return further

    def _write_down(self, part: Part, record: TusRecord) -> None:
        part.sync()  # before the record says so
        self._shelf.save(record)

    async def _run(self, work: Callable[[], T]) -> T:
        return await to_the_end(self._threads, work)

    async def append(self, part: Part, data: bytes, checksum: Checksum | None) -> None:
        """Write and hash a piece."""
        await self._run(partial(_append, part, data, checksum))


def _append(part: Part, data: bytes, checksum: Checksum | None) -> None:
    part.write(data)
    if checksum is not None:
        checksum.update(data)


class _Arriving:
    """One body on its way. `size`: bytes of the upload, those that wait in memory included."""

    def __init__(self, receiver: Receiver, record: TusRecord, part: Part, checksum: Checksum | None) -> None:
        self._receiver, self._part, self._checksum = receiver, part, checksum
        self.record, self.size = record, record.offset
        self._waiting: list[bytes] = []
        self._written = record.offset

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(chunk)
        self.size += len(chunk)
        if self.size - self._written < PIECE_BYTES and self.size < self.record.length:
            return
        await self.write()
        if self._checksum is None and self.size - self.record.offset >= CHECKPOINT_BYTES:
            await self._checkpoint()

    async def write(self) -> None:
        """Write what waits."""
        data, self._waiting = b"".join(self._waiting), []
        await self._receiver.append(self._part, data, self._checksum)
        self._written = self.size

    async def _checkpoint(self) -> None:
        if self._whole_is_here:
            return
        self.record = await self._receiver.checkpoint(self.record, self._part, self.size)

    @property
    def _whole_is_here(self) -> bool:
        return self.record.kind != "partial" and self.size == self.record.length

    async def settle(self) -> None:
        """The body is at its end, and written."""
        if self.size > self.record.offset:
            await self._checkpoint()
