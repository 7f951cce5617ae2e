"""`apply`: what a transformation makes of an image, stored as the image's next version.

It goes the way of an upload – looked at, fsynced, committed with its event – under a ticket that the node
writes itself, of the task's number: so a task that is given again stores nothing twice here. Tags, context
and words are those that the asset has in the commit, which refuses what was made of an image that is another
one or deleted by then (made_of.py). One that is already what we would make of it is left alone: another node
made it, and died before it could say so. A set that was sealed since takes no more of it: ordered again it
goes into another one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import PurePosixPath
from typing import TypeVar

from atoll.durability import LOCAL
from atoll.errors import Conflict, Rejected, TooLarge
from atoll.ids import derived_id
from atoll.jobs import ApplyWork, Task
from atoll.model import AssetRecord
from atoll.names import Handle
from atoll.node_api import handle_of
from atoll.signing import Ticket
from storage_node.derivative_making import Made
from storage_node.ground import Ground
from storage_node.index_tickets import stored_with
from storage_node.ingest import Upload
from storage_node.jobs.confirmation import confirm
from storage_node.jobs.handler import Progress
from storage_node.made_of import as_it_is
from storage_node.upload_policy import max_bytes, upload_of
from storage_node.upload_side import UploadSide

T = TypeVar("T")
Rendition = Callable[[str, str, Handle], Awaitable[Made]]  # bucket, transformation, handle
REMEMBERED_MS = 8 * 86_400_000  # a task lies in its queue for a week


class ApplyJob:
    """`rendition` makes one derivative; `uploads` take it."""

    def __init__(self, ground: Ground, rendition: Rendition, uploads: UploadSide) -> None:
        self._ground, self._cluster, self._rendition = ground, ground.cluster, rendition
        self._door, self._intake, self._acknowledger = uploads.door, uploads.intake, uploads.acknowledger

    async def run(self, task: Task, progress: Progress) -> None:
        """One image after the other. Raises what may go better later."""
        work = task.work
        assert isinstance(work, ApplyWork)
        for number, record in enumerate(work.items):
            ticket = self._ticket(task, number, record, work)
            try:
                await self._apply(work, record, ticket)
            except Rejected as error:
                if error.retry_safe:
                    raise
                progress.refused(record.public_id, error)
            else:
                progress.did()

    async def _apply(self, work: ApplyWork, ordered: AssetRecord, ticket: Ticket) -> None:
        stored = await self._read(stored_with(ticket.ticket_id, 0))
        if stored is None:
            self._door.check_draining()
            self._check_takes()
            made = await self._rendition(work.bucket, work.transformation, handle_of(ordered))
            now = await self._read(lambda db: as_it_is(db, ordered))
            if made.derivative.digest in (now.blob.sha256, now.sent):
                return
            stored = await self._store(made, ordered, ticket)
        await confirm(self._acknowledger, stored, ticket)

    def _check_takes(self) -> None:
        """The set was one that takes uploads when the task was made, which may be a week ago."""
        own = self._ground.origin.set
        known = self._cluster.current.sets.get(own)
        if known is not None and known.sealed:
            raise Conflict("This set was sealed since: order it again, for another set to take it.", set=own)

    async def _store(self, made: Made, ordered: AssetRecord, ticket: Ticket) -> AssetRecord:
        size, limit = len(made.body), max_bytes(ticket, self._ground.settings, self._cluster.current)
        if size > limit:
            raise TooLarge("What is made of it is larger than an upload may be.", limit=limit, got=size)
        filename = ordered.filename and f"{PurePosixPath(ordered.filename).stem}.{made.derivative.format}"
        upload = upload_of(ticket, 0, filename, None, self._ground.settings, self._cluster.current)
        with self._door.place():
            return await self._intake.take(_whole(made.body), _made(upload, ordered), size)

    def _ticket(self, task: Task, number: int, record: AssetRecord, work: ApplyWork) -> Ticket:
        bucket = self._cluster.current.buckets.get(work.bucket)
        return Ticket(
            ticket_id=derived_id(task.id, number + 1),
            node=self._ground.origin.node,
            set=self._ground.origin.set,
            bucket=work.bucket,
            asset_id=record.asset_id,
            expires_at=task.at + REMEMBERED_MS,
            max_bytes=self._ground.settings.max_upload_bytes,
            public_id=None if record.public_id == record.asset_id else record.public_id,
            durability=bucket.durability if bucket else LOCAL,
            by=work.by,
        )

    async def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._ground.readers, self._ground.index.read, look)


def _made(upload: Upload, of: AssetRecord) -> Upload:
    return dataclasses.replace(upload, claims=(), made_of=of)  # the name is ours: it claims nothing


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
