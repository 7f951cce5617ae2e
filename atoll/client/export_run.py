"""Fetching what an export's plan says, and the manifest at its end. I/O.

Every file appears under its name whole, checked against its hash, and not before; the manifest says only what
is there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from atoll.atomic_file import fsync_directory
from atoll.client.download import Downloader, whole_file
from atoll.client.export_paths import MANIFEST
from atoll.client.export_plan import ExportPlan
from atoll.client.folder_files import Change, FolderProgress
from atoll.client.folder_run import FolderRun, Sent
from atoll.client.reference import Reference
from atoll.client.resolving import Resolving
from atoll.client.source import local_file


@dataclass(frozen=True)
class _Export:
    """One run. Parts lie in `parts` until they are whole."""

    plan: ExportPlan
    resolving: Resolving
    downloader: Downloader
    parts: Path

    async def fetch(self, change: Change, sent: Sent) -> Change:
        assert change.path is not None, "a download has a path"
        assert change.handle is not None, "and a blob"
        path = await asyncio.to_thread(self.plan.place.prepare, change.path)
        wanted = Reference(bucket=self.plan.bucket, handle=change.handle)
        async with whole_file(path, self.parts) as sink:
            await self.downloader.fetch(lambda: self.resolving.one(wanted), sink)
        return change

    def write_manifest(self, untrue: set[int]) -> None:
        draft, path = self.parts / MANIFEST, self.plan.place.top / MANIFEST
        with local_file(path):
            with draft.open("xb") as file:
                file.writelines(self.plan.manifest.but(untrue))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            fsync_directory(path.parent)


async def export_files(
    plan: ExportPlan,
    resolving: Resolving,
    downloader: Downloader,
    parallel: int,
    progress: Callable[[FolderProgress], None],
) -> list[Change]:
    """Every change of the plan as it ended."""
    with plan.place.workplace() as parts:
        export = _Export(plan, resolving, downloader, parts)
        fetched = await FolderRun("download", plan.transfers, progress).run(export.fetch, parallel)
        untrue = {change.line for change in fetched if change.error is not None}
        await asyncio.to_thread(export.write_manifest, untrue)
    return [*plan.skipped, *fetched]
