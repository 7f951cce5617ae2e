"""`look`: pictures looked at again, as at their upload: faces, colour, placeholders.

For images that were stored before this node could find faces. What is found becomes a record of the asset
with the same bytes, so it travels like any edit and is no new version of the image; what looks as before
makes none. Called with tasks by the processor; pictures are decoded by the workers that check uploads.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from msgspec.structs import replace

from atoll.errors import NotFound, Rejected
from atoll.jobs import JobItem, LookWork, Task
from atoll.model import Blob, Picture
from atoll.names import parse_handle
from storage_node.blob_address import BlobAddress
from storage_node.derivative_sources import Sources
from storage_node.edit_rows import add_edited, version_of
from storage_node.index import Index
from storage_node.index_looks import looks_of
from storage_node.index_rows import next_version
from storage_node.index_writer import Operation
from storage_node.inspection import Inspector
from storage_node.jobs.handler import Progress
from storage_node.origin import Origin
from storage_node.sniff import ImageType


class LookJob:
    """`inspector` also checks uploads, which go first: `Overloaded` is tried again later."""

    def __init__(self, sources: Sources, inspector: Inspector, index: Index, origin: Origin) -> None:
        self._sources, self._inspector, self._index, self._origin = sources, inspector, index, origin

    async def run(self, task: Task, progress: Progress) -> None:
        """One picture after the other."""
        work = task.work
        assert isinstance(work, LookWork)
        for item in work.items:
            try:
                await self._look(work.bucket, item)
            except Rejected as error:
                if error.retry_safe:
                    raise
                progress.refused(item.public_id, error)
            else:
                progress.did()

    async def _look(self, bucket: str, item: JobItem) -> None:
        async with self._sources.opened(BlobAddress(bucket, parse_handle(item.handle))) as source:
            picture = await asyncio.to_thread(self._inspect, source.path, source.image_type)
        if picture != source.picture:
            await asyncio.wrap_future(self._index.write(self._note(item, picture)))

    def _inspect(self, path: Path, image_type: ImageType) -> Picture:
        return self._inspector.begin(path, image_type).result().picture

    def _note(self, item: JobItem, picture: Picture) -> Operation[None]:
        origin = self._origin

        def operation(db: sqlite3.Connection) -> None:
            current = version_of(db, item.asset_id, None)
            sha256 = parse_handle(item.handle).sha256
            if current.blob.sha256 != sha256:
                raise NotFound("The image is another one by now.", asset_id=item.asset_id)
            set_looks(db, current.blob, picture)
            now = origin.now_ms()
            version = next_version(db, item.asset_id, now)
            blob = replace(current.blob, picture=picture)
            record = replace(current, version=version, content=current.content_version, blob=blob)
            add_edited(db, record, origin, now)

        return operation


def set_looks(db: sqlite3.Connection, blob: Blob, picture: Picture) -> None:
    """What deliveries go by."""
    db.execute(
        "UPDATE blobs SET looks = ? WHERE bucket = ? AND sha256 = ?",
        (looks_of(picture), blob.bucket, bytes.fromhex(blob.sha256)),
    )
