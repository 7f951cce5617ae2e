"""`export`: images into one ZIP file on this node, to be downloaded by a signed URL until it expires.

Nothing is held in memory: each image is copied from its verified file into the archive, uncompressed – images
are compressed already – and then the archive is hashed. Repeated after a crash it is written anew; one that
is complete is only read again.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

from atoll.errors import AtollError, Rejected, Unavailable
from atoll.jobs import ExportWork, JobFile, JobItem, Task, export_path
from atoll.names import parse_handle
from storage_node.blob_address import BlobAddress
from storage_node.derivative_sources import Sources
from storage_node.jobs.export_contents import Contents, add
from storage_node.jobs.export_files import ExportFiles
from storage_node.jobs.handler import Progress
from storage_node.space import SpaceGuard
from storage_node.thread_work import to_the_end

T = TypeVar("T")

_SLACK = 1024  # bytes a file may take in the archive beside its own


class ExportJob:
    """`writers` copy and hash; `node` is told as the place of the file."""

    def __init__(
        self,
        sources: Sources,
        files: ExportFiles,
        space: SpaceGuard,
        writers: Executor,
        node: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._sources, self._files, self._space = sources, files, space
        self._writers, self._node, self._now_ms = writers, node, now_ms

    async def run(self, task: Task, progress: Progress) -> None:
        """All images of the task; one that is not there is told and left out."""
        work = task.work
        assert isinstance(work, ExportWork)
        path = export_path(task.job, task.number)
        name = path.rpartition("/")[2]
        expires_at = await self._blocking(self._files.expires_at, name)
        if expires_at is None:
            expires_at = task.at + work.keep_seconds * 1000
            needed = sum(item.bytes + _SLACK for item in work.items)
            await self._blocking(self._files.check, needed)
            with self._space.promise(needed):
                await self._write(work, name, progress)
                await self._blocking(self._files.finish, name, expires_at)
        else:
            progress.did(len(work.items))
        size, sha256, count = await self._blocking(_look_at, self._files.path(name))
        progress.made_file(JobFile(work.name, self._node, path, size, sha256, count, expires_at))

    async def _write(self, work: ExportWork, name: str, progress: Progress) -> None:
        taken: set[str] = set()
        self._files.begin(name, Contents(work.bucket, (parse_handle(i.handle).sha256 for i in work.items)))
        archive = await self._blocking(zipfile.ZipFile, self._files.part(name), "w", zipfile.ZIP_STORED)
        archive.comment = work.bucket.encode()
        try:
            for item in work.items:
                await self._add(archive, work.bucket, item, taken, progress)
        finally:
            await self._blocking(archive.close)

    async def _add(
        self, archive: zipfile.ZipFile, bucket: str, item: JobItem, taken: set[str], progress: Progress
    ) -> None:
        handle = parse_handle(item.handle)
        try:
            async with self._sources.opened(BlobAddress(bucket, handle)) as source:
                entry = _entry(item.public_id, handle.ext, taken)
                await self._blocking(add, archive, source.path, entry, handle.sha256)
        except Rejected as error:
            if error.retry_safe:
                raise
            progress.refused(item.public_id, error)
        except AtollError:
            raise
        else:
            progress.did()

    async def _blocking(self, work: Callable[..., T], *arguments: object) -> T:
        """To its end also when the job is cancelled: an archive that is written to cannot be closed."""
        return await to_the_end(self._writers, partial(work, *arguments))


def _entry(public_id: str, extension: str, taken: set[str]) -> str:
    """A name in the archive that leads out of no folder and is there once."""
    parts = [part for part in public_id.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    stem = "/".join(parts) or "image"
    name, number = f"{stem}.{extension}", 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}~{number}.{extension}"
    taken.add(name.casefold())
    return name


def _look_at(path: Path) -> tuple[int, str, int]:
    """Size, SHA-256 and number of files of an archive."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        with zipfile.ZipFile(path) as archive:
            return path.stat().st_size, digest.hexdigest(), len(archive.infolist())
    except FileNotFoundError as error:  # removed this moment (export_removal.py)
        raise Unavailable("An image of this export was erased while it was made.") from error
