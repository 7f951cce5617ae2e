"""Many uploads at once: a bounded number in parallel, each with its own result. I/O.

Never all or nothing: one file's failure is that file's result. An observer hears what happens; the `atoll`
command draws its progress bar and keeps its journal through one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from atoll.client.source import open_body
from atoll.client.tree import FoundFile
from atoll.client.upload import Uploader, UploadOrder
from atoll.client.views import TicketView
from atoll.errors import AtollError
from atoll.node_api import AssetView

MAX_PARALLEL = 64


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What became of one file: an asset or an error, never both."""

    path: Path
    asset: AssetView | None = None
    error: AtollError | None = None


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far one file is: bytes sent of all (sent falls back at a retry); `result` once it is over."""

    path: Path
    sent: int
    total: int
    result: UploadResult | None = None


class UploadObserver(Protocol):
    """Hears of every file's course. Called in the event loop: be quick."""

    def sent(self, file: FoundFile, sent: int, total: int) -> None:
        """So many bytes have gone out."""

    async def ticketed(self, file: FoundFile, ticket: TicketView) -> None:
        """This ticket will be used next; no byte is sent before this returns."""

    async def finished(self, file: FoundFile, result: UploadResult) -> None:
        """The file is uploaded, or has failed for good."""


class Reporting:
    """An observer that turns all into `UploadProgress` for one callable."""

    def __init__(self, progress: Callable[[UploadProgress], None] | None) -> None:
        self._progress = progress or (lambda _: None)
        self._last: dict[Path, tuple[int, int]] = {}

    def sent(self, file: FoundFile, sent: int, total: int) -> None:
        """Report it."""
        self._last[file.path] = (sent, total)
        self._progress(UploadProgress(file.path, sent, total))

    async def ticketed(self, file: FoundFile, ticket: TicketView) -> None:
        """Nothing to report."""

    async def finished(self, file: FoundFile, result: UploadResult) -> None:
        """Report it."""
        self._progress(UploadProgress(file.path, *self._last.pop(file.path, (0, 0)), result))


class ManyUploads:
    """Uploads files of one bucket, `parallel` at a time."""

    def __init__(
        self,
        uploader: Uploader,
        order: UploadOrder,
        observer: UploadObserver,
        tickets: Callable[[FoundFile], TicketView | None] = lambda _: None,
    ) -> None:
        self._uploader, self._order, self._observer, self._tickets = uploader, order, observer, tickets

    async def run(self, files: Iterable[FoundFile], parallel: int) -> list[UploadResult]:
        """One result per file, in the order of `files`."""
        results: dict[int, UploadResult] = {}
        waiting = iter(enumerate(files))
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(max(1, min(parallel, MAX_PARALLEL))):
                    group.create_task(self._worker(waiting, results), name=f"upload {number}")
        except ExceptionGroup as failures:  # the observer's: a file's own failure is a result
            raise failures.exceptions[0] from failures
        return [results[index] for index in sorted(results)]

    async def _worker(
        self, waiting: Iterator[tuple[int, FoundFile]], results: dict[int, UploadResult]
    ) -> None:
        for index, file in waiting:
            results[index] = await self._one(file)
            await self._observer.finished(file, results[index])

    async def _one(self, file: FoundFile) -> UploadResult:
        try:
            return UploadResult(file.path, asset=await self._upload(file))
        except AtollError as error:
            return UploadResult(file.path, error=error)

    async def _upload(self, file: FoundFile) -> AssetView:
        if file.error is not None:
            raise file.error
        order = replace(self._order, public_id=file.public_id)
        async with open_body(file.path) as body:
            return await self._uploader.upload(
                body,
                order,
                lambda done: self._observer.sent(file, done, body.size),
                ticket=self._tickets(file),
                ticketed=lambda ticket: self._observer.ticketed(file, ticket),
            )
