"""Making a bucket like a folder: uploads, then deletes. I/O.

What is stored is what the file held at one moment: a file that was written to while it was sent is sent
again, and told as changing when that does not end. Bytes are read once: the hash of what was sent is the
file's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import IO

from atoll.client.folder_files import (
    Change,
    Expected,
    Facts,
    FileChanging,
    FolderPlan,
    FolderProgress,
    LocalFile,
    Step,
)
from atoll.client.folder_plan import checked
from atoll.client.folder_run import FolderRun, Sent
from atoll.client.folder_scan import printed
from atoll.client.folder_settle import settled
from atoll.client.hash_cache import AT_REST_NS, Digests, HashCache, facts_of, open_regular
from atoll.client.resolving import Resolving
from atoll.client.source import local_file, open_body, remark_of
from atoll.client.upload import Uploader, UploadOrder
from atoll.client.upload_notes import UploadNotes
from atoll.client.views import Deleted
from atoll.errors import NotFound, Rejected
from atoll.node_api import AssetView

TRIES = 3

Delete = Callable[[str], Awaitable[Deleted]]


@dataclass(frozen=True)
class FolderUpload:
    """The parts that a run uses. `order` is what every upload carries; `clock` gives Unix nanoseconds."""

    uploader: Uploader
    resolving: Resolving
    delete: Delete
    cache: HashCache
    notes: UploadNotes
    order: UploadOrder
    progress: Callable[[FolderProgress], None]
    clock: Callable[[], int] = time.time_ns

    async def run(self, plan: FolderPlan, parallel: int) -> list[Change]:
        """Every change of the plan as it ended; first all uploads, then the deletes."""
        ended = list(plan.skipped)
        uploads = await FolderRun("upload", plan.transfers, self.progress).run(self._upload, parallel)
        deleted = await FolderRun("delete", plan.deletes, self.progress).run(self._delete, parallel)
        await self._settle([*uploads, *deleted])
        return [*ended, *uploads, *deleted]

    async def _upload(self, change: Change, sent: Sent) -> Change:
        assert change.file is not None, "an upload has a file"
        asset = await self._steady(change.file, sent)
        return replace(change, sha256=asset.sha256, asset_id=asset.asset_id, size=asset.bytes)

    async def _steady(self, file: LocalFile, sent: Sent) -> AssetView:
        """Upload until what was stored is what the file held from beginning to end."""
        for _ in range(TRIES):
            listed = await asyncio.to_thread(checked, file, self.cache) if file.expected else None
            began = self.clock()
            with local_file(printed(file.relative)):
                before = await asyncio.to_thread(facts_of, file.path)
            try:
                asset = await self._send(file, sent)
            except Rejected:  # such as half of a picture: whose fault it is, the file says
                if await asyncio.to_thread(_is_still, file, before):
                    raise
                continue
            await asyncio.to_thread(self.notes.add, asset)
            stored = Digests(
                asset.sent_sha256 or asset.sha256, None if listed is None else listed.md5, before
            )
            if await asyncio.to_thread(self._was_steady, file, stored, began):
                return asset
        where = printed(file.relative)
        raise FileChanging(f"{where}: is written to again and again.", path=where)

    async def _send(self, file: LocalFile, sent: Sent) -> AssetView:
        async with (
            _opened(file) as plain,
            open_body(plain, remark_of(file.path)) as body,
        ):
            return await self.uploader.upload(body, self._order_of(file), sent)

    def _order_of(self, file: LocalFile) -> UploadOrder:
        listed = file.expected or Expected()
        tags = self.order.tags if listed.tags is None else (*self.order.tags, *listed.tags)
        context = {**(listed.context or {}), **self.order.context}
        return replace(
            self.order,
            public_id=file.public_id,
            tags=tuple(dict.fromkeys(tags)),
            context=context,
            title=listed.title,
            alt=listed.alt,
        )

    def _was_steady(self, file: LocalFile, stored: Digests, began: int) -> bool:
        """Whether the stored bytes are the file's. One that was not at rest before is read once more: two
        writes within one tick of its clock look like one."""
        if not _is_still(file, stored.facts):
            return False
        at_rest = began - max(stored.facts.mtime_ns, stored.facts.ctime_ns) >= AT_REST_NS
        if not at_rest and self.cache.digests(file.path).sha256 != stored.sha256:
            return False
        self.cache.note(file.path, stored, began)
        return True

    async def _delete(self, change: Change, sent: Sent) -> Change:
        assert change.asset_id is not None, "what is deleted was listed"
        with suppress(NotFound):  # somebody else was faster
            await self.delete(change.asset_id)
        return change

    async def _settle(self, changes: Sequence[Change]) -> None:
        """Until listings show it, so that the same command at once finds nothing to do."""
        done = [change for change in changes if change.error is None and change.asset_id is not None]
        wanted = {c.asset_id: None if c.step is Step.DELETE else c.sha256 for c in done if c.asset_id}
        if await settled(self.resolving, wanted):
            await asyncio.to_thread(self.notes.clear)


@asynccontextmanager
async def _opened(file: LocalFile) -> AsyncIterator[IO[bytes]]:
    """The file, closed at the end: also when the run ends while a thread is opening it."""
    opening = asyncio.create_task(asyncio.to_thread(open_regular, file.path), name=f"open {file.public_id}")
    with local_file(printed(file.relative)):
        try:
            plain = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            _close(opening)
            raise
    try:
        yield plain
    finally:
        plain.close()


def _close(opening: asyncio.Task[IO[bytes]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _is_still(file: LocalFile, before: Facts) -> bool:
    try:
        return facts_of(file.path) == before
    except OSError:
        return False
