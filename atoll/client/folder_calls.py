"""What a program asks about whole folders: sync and import. The part of `AsyncClient` that wires them.

`plan_…` looks and changes nothing, `carry_out` does what a plan says, `sync` does both. All raise
`AtollError` classes for what concerns the whole; a file's failure is in the report.

`hash_cache` is a file that remembers the hashes of local files from run to run (see `hash_cache`); without
one they are remembered as long as the client lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from atoll.client.export_calls import AnyPath, ExportCalls, Progress, bounded, silent
from atoll.client.folder_files import FolderPlan, FolderReport, Remote
from atoll.client.folder_names import folder_prefix
from atoll.client.folder_plan import Place, compare, deletes, list_remote
from atoll.client.folder_scan import Scanned, scan
from atoll.client.folder_settle import settled
from atoll.client.folder_upload import FolderUpload
from atoll.client.globs import Filter
from atoll.client.listing_file import Listing, find_listed
from atoll.client.listing_rows import Form
from atoll.client.upload import UploadOrder
from atoll.client.upload_notes import UploadNotes
from atoll.durability import check_durability
from atoll.errors import BadRequest
from atoll.names import check_bucket


class FolderCalls(ExportCalls):
    """Whole folders. Errors, `hash_cache` and `progress` are as the module says."""

    async def _listed(self, place: Place, hash_cache: AnyPath | None) -> dict[str, Remote]:
        """All of the place, what a run that was killed has uploaded a moment ago included."""
        lately = UploadNotes(_notes_beside(hash_cache)).lately
        if noted := await asyncio.to_thread(lately, place.bucket):
            await settled(self._parts.resolving, noted)
        return await list_remote(self.list(place.bucket, place.prefix))

    async def plan_sync(
        self,
        folder: AnyPath,
        bucket: str,
        prefix: str = "",
        *,
        delete: bool = False,
        force: bool = False,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderPlan:
        """What it takes to make the folder `prefix` of the bucket (\"\": all of it) like a local one.

        public_id = prefix + path below the folder without the image's extension. `include` and `exclude`
        are shell patterns (see `globs`). With `delete` what is gone locally is to be deleted, too; that is
        refused (`FolderUnsafe`) when the folder is empty or not all of it can be read, unless `force`.
        Raises `FileUnusable` when there is no such folder, `BadName`, `BadRequest`, `NotFound`.
        """
        place = Place(check_bucket(bucket), folder_prefix(prefix))
        only = Filter.of(include, exclude)
        local = await asyncio.to_thread(scan, Path(folder), place.prefix, only)
        async with self._cache(hash_cache) as cache:
            remote = await self._listed(place, hash_cache)
            gone = deletes(place, local, remote, only, force=force) if delete else []
            return await compare(place, local, remote, cache, progress, gone)

    async def plan_import(
        self,
        listing: AnyPath,
        root: AnyPath | None,
        bucket: str,
        prefix: str = "",
        *,
        form: Form | None = None,
        columns: Iterable[str] | None = None,
        check_md5: bool = True,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderPlan:
        """What it takes to upload the images that a listing names and that lie below `root`.

        The listing is an S3 Inventory CSV (`columns`: bucket, key, size, etag unless it says so itself), a
        list of keys, or the manifest.jsonl of an export (for which `root` is where it lies), plain or
        compressed by gzip. A file that is not there, or not the one listed (size, SHA-256, and MD5 where an
        ETag is one), is among the plan's skipped. No key leads out of `root`.
        """
        place = Place(check_bucket(bucket), folder_prefix(prefix))
        only = Filter.of(include, exclude)
        source = Listing(Path(listing), form, None if columns is None else tuple(columns), check_md5)
        below = Path(listing).parent if root is None else Path(root)
        local: Scanned = await asyncio.to_thread(find_listed, source, below, place.prefix, only)
        async with self._cache(hash_cache) as cache:
            remote = await self._listed(place, hash_cache)
            return await compare(place, local, remote, cache, progress)

    async def carry_out(
        self,
        plan: FolderPlan,
        *,
        parallel: int = 8,
        tags: Iterable[str] = (),
        context: Mapping[str, str] | None = None,
        durability: str | None = None,
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderReport:
        """Do what a plan of `plan_sync` or `plan_import` says: all uploads, then the deletes.

        Returns when listings show it, or five seconds later. Broken off, it leaves what was uploaded; the
        next plan goes on from there. Raises when `FAILURES_IN_A_ROW` (20) fail because of the cluster.
        """
        if isinstance(tags, str):
            raise BadRequest("tags is a list of tags, not one string.", got=tags[:80])
        wanted = None if durability is None else check_durability(durability)
        order = UploadOrder(plan.bucket, None, tuple(tags), dict(context or {}), wanted)
        async with self._cache(hash_cache) as cache:
            parts = self._parts
            run = FolderUpload(
                parts.uploader,
                parts.resolving,
                self.delete,
                cache,
                UploadNotes(_notes_beside(hash_cache)),
                order,
                progress,
            )
            changes = await run.run(plan, bounded(parallel))
        return FolderReport(tuple(changes), plan.unchanged, plan.ignored)

    async def sync(
        self,
        folder: AnyPath,
        bucket: str,
        prefix: str = "",
        *,
        delete: bool = False,
        force: bool = False,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        parallel: int = 8,
        tags: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderReport:
        """Make a folder of a bucket like a local one, moving only what differs: `plan_sync`, `carry_out`."""
        plan = await self.plan_sync(
            folder,
            bucket,
            prefix,
            delete=delete,
            force=force,
            include=include,
            exclude=exclude,
            hash_cache=hash_cache,
            progress=progress,
        )
        return await self.carry_out(
            plan, parallel=parallel, tags=tags, hash_cache=hash_cache, progress=progress
        )


def _notes_beside(hash_cache: AnyPath | None) -> Path | None:
    return None if hash_cache is None else Path(hash_cache).with_suffix(".uploads")
