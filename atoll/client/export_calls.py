"""What a program asks about bringing a bucket home. The part of `AsyncClient` that wires `export_…`.

`plan_export` looks and changes nothing, `carry_out_export` does what a plan says, `export` does both.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from atoll.client.asset_calls import AssetCalls
from atoll.client.export_plan import ExportPlan, plan_export
from atoll.client.export_run import export_files
from atoll.client.folder_files import FolderProgress, FolderReport
from atoll.client.folder_names import folder_prefix
from atoll.client.folder_parts import FolderParts
from atoll.client.folder_plan import Place
from atoll.client.globs import Filter
from atoll.client.hash_cache import HashCache
from atoll.client.own_uploads import OwnUploads
from atoll.client.query import QueryServices
from atoll.client.upload_many import MAX_PARALLEL
from atoll.names import check_bucket

AnyPath = str | os.PathLike[str]
Progress = Callable[[FolderProgress], None]


def silent(_: FolderProgress) -> None:
    """For who wants no progress."""


def bounded(parallel: int) -> int:
    """As many workers as may be."""
    return max(1, min(parallel, MAX_PARALLEL))


class ExportCalls(AssetCalls):
    """Buckets as folders; `parts` are the client's own for moving bytes."""

    def __init__(self, query: QueryServices, own: OwnUploads, parts: FolderParts) -> None:
        AssetCalls.__init__(self, query, own)
        self._parts = parts
        self._hashes = HashCache()

    @asynccontextmanager
    async def _cache(self, path: AnyPath | None) -> AsyncIterator[HashCache]:
        if path is None:
            yield self._hashes
            return
        cache = await asyncio.to_thread(HashCache, Path(path))
        try:
            yield cache
        finally:
            await asyncio.to_thread(cache.close)

    async def plan_export(
        self,
        bucket: str,
        prefix: str,
        folder: AnyPath,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> ExportPlan:
        """What it takes to have all images of a bucket's folder in a local one. `close()` it."""
        place = Place(check_bucket(bucket), folder_prefix(prefix))
        only = Filter.of(include, exclude)
        async with self._cache(hash_cache) as cache:
            assets = self.list(place.bucket, place.prefix)
            return await plan_export(place, assets, Path(folder), only, cache, progress)

    async def carry_out_export(
        self, plan: ExportPlan, *, parallel: int = 8, progress: Progress = silent
    ) -> FolderReport:
        """Download what the plan says, then write manifest.jsonl, a line for each file that is there."""
        parts = self._parts
        changes = await export_files(plan, parts.resolving, parts.downloader, bounded(parallel), progress)
        return FolderReport(tuple(changes), plan.unchanged, plan.ignored)

    async def export(
        self,
        bucket: str,
        prefix: str,
        folder: AnyPath,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        parallel: int = 8,
        hash_cache: AnyPath | None = None,
        progress: Progress = silent,
    ) -> FolderReport:
        """Download all images of a bucket's folder into a local one, only what differs; with a manifest.

        Every file is checked against its hash before it appears, and lies below `folder` whatever its name
        is. Names that would be one file on a disk that ignores case are told apart by a mark (`~` and the
        start of a hash); manifest.jsonl says which file is which asset.
        """
        plan = await self.plan_export(
            bucket,
            prefix,
            folder,
            include=include,
            exclude=exclude,
            hash_cache=hash_cache,
            progress=progress,
        )
        with plan:
            return await self.carry_out_export(plan, parallel=parallel, progress=progress)
