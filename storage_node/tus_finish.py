"""The end of a resumable upload: its bytes go the way of every other upload, and the parts go.

They are read once more and spooled as if they came from the network: the same type check, decoding, limits,
ticket rules and durable write path (upload_intake.py), at the price of writing them twice. What the picture
is refused for ends the upload. What is our fault leaves it one byte short of complete: sending that byte
tries the end again. Called by tus_api.py, which holds the upload's lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from atoll import names
from atoll.errors import AtollError
from atoll.model import AssetRecord
from storage_node.ingest import Upload
from storage_node.tus_book import TusBook
from storage_node.tus_headers import parse_metadata
from storage_node.tus_receive import Receiver
from storage_node.tus_record import TusRecord
from storage_node.tus_shelf import TusShelf
from storage_node.upload_intake import UploadIntake

_FILENAME, _TYPE = ("filename", "name"), ("filetype", "type")  # what tus clients call them

T = TypeVar("T")
UploadOf = Callable[[TusRecord, str | None, str | None], Upload]


def described(metadata: str) -> tuple[str | None, str | None]:
    """File name and declared type, if Upload-Metadata has them. `BadName`, `BadRequest`."""
    pairs = parse_metadata(metadata, len(metadata))
    filename = next((pairs[key] for key in _FILENAME if pairs.get(key)), None)
    declared = next((pairs[key] for key in _TYPE if pairs.get(key)), None)
    return (names.check_filename(filename) if filename else None), declared


class Finisher:
    """`upload_of` says what limits hold for an upload, with its file name and declared type."""

    def __init__(
        self,
        shelf: TusShelf,
        book: TusBook,
        receiver: Receiver,
        intake: UploadIntake,
        upload_of: UploadOf,
        threads: Executor,
    ) -> None:
        self._shelf, self._book, self._receiver, self._intake = shelf, book, receiver, intake
        self._upload_of, self._threads = upload_of, threads

    async def finish(self, record: TusRecord) -> AssetRecord:
        """`record` and its parts are complete: the asset they became, durable."""
        sources = record.parts or (record.id,)
        try:
            upload = self._upload_of(record, *described(record.metadata))
            stored = await self._intake.take(self._bytes(sources), upload, record.length)
        except AtollError as error:
            await self._failed(record, sources, error)
            raise
        await self._ended(record.ended(stored))
        return stored

    async def _failed(self, record: TusRecord, sources: Sequence[str], error: AtollError) -> None:
        if error.status < 500 and not error.retry_safe:
            for upload_id in {record.id, *sources}:
                await self.forget(upload_id)
        elif record.parts:
            self._book.drop(record.id)  # the parts stay: the same request tries again
        else:
            await self._receiver.keep(record, record.length)

    async def _ended(self, record: TusRecord) -> None:
        await self._run(partial(self._shelf.finish, record))
        self._book.put(record)
        for upload_id in record.parts:
            await self.forget(upload_id)

    async def forget(self, upload_id: str) -> None:
        """Remove the upload, here and on the disk."""
        await self._run(partial(self._shelf.remove, upload_id))
        self._book.drop(upload_id)

    async def _bytes(self, sources: Sequence[str]) -> AsyncIterator[bytes]:
        for upload_id in sources:
            pieces = self._shelf.pieces(upload_id)
            while piece := await self._run(partial(next, pieces, b"")):
                yield piece

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
