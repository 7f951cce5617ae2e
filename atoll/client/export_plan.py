"""What an export has to fetch: the listing compared with what lies in the folder. Fetches nothing itself.

The manifest's lines are drafted on the way, in a temporary file: a listing may be longer than memory likes.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import msgspec

from atoll.client.export_paths import ExportPaths
from atoll.client.export_place import ExportPlace
from atoll.client.folder_files import MAX_FILES, Change, FolderPlan, FolderProgress, Step
from atoll.client.folder_plan import Place
from atoll.client.globs import Filter
from atoll.client.hash_cache import HashCache
from atoll.client.source import local_file
from atoll.errors import AtollError, BadRequest
from atoll.names import check_sha256, parse_handle
from atoll.node_api import AssetView

BATCH_ASSETS, BATCH_BYTES = 256, 64 * 2**20
_NOT_OF_THE_IMAGE = ("url", "path", "locations", "durability")  # they change, or say where it happens to be


class ManifestDraft:
    """Lines by number, until it is known which of them are true."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the plan
        self._lines = 0

    def add(self, path: str, prefix: str, asset: AssetView) -> int:
        """Draft the line of a file; its number."""
        facts = msgspec.to_builtins(asset)
        kept = {name: value for name, value in facts.items() if name not in _NOT_OF_THE_IMAGE}
        line = {"path": path, "prefix": prefix} | kept
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._lines += 1
        return self._lines - 1

    def but(self, untrue: Collection[int]) -> Iterator[bytes]:
        """All lines but these."""
        self._file.seek(0)
        for number, line in enumerate(self._file):
            if number not in untrue:
                yield line

    def close(self) -> None:
        """Forget it."""
        self._file.close()


@dataclass(frozen=True, kw_only=True)
class ExportPlan(FolderPlan):
    """What is to be fetched into `place`; a context, or to be closed."""

    place: ExportPlace
    manifest: ManifestDraft

    def __enter__(self) -> ExportPlan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the draft's disk space back."""
        self.manifest.close()


class _Planning:
    """One listing on its way to a plan."""

    def __init__(self, place: Place, folder: Path, only: Filter, cache: HashCache) -> None:
        self._from, self._only, self._cache = place, only, cache
        self._paths, self.place, self.manifest = ExportPaths(), ExportPlace(folder), ManifestDraft()
        self.changes: list[Change] = []
        self.unchanged = self.ignored = self.files = self.bytes = 0

    def take(self, assets: list[AssetView]) -> None:
        """Compare some assets. Blocks."""
        for asset in assets:
            self.files, self.bytes = self.files + 1, self.bytes + asset.bytes
            try:
                self._one(asset)
            except AtollError as error:
                self.changes.append(Change(Step.SKIP, None, asset.public_id, asset.bytes, error=error))

    def _one(self, asset: AssetView) -> None:
        path = self._paths.path(asset.public_id, self._from.prefix, asset.format)
        if not self._only.takes(path):
            self.ignored += 1
            return
        change = Change(
            Step.DOWNLOAD,
            path,
            asset.public_id,
            asset.bytes,
            check_sha256(asset.sha256),
            asset.asset_id,
            handle=parse_handle(asset.handle),
        )
        line = self.manifest.add(path, self._from.prefix, asset)
        if self._is_there(change):
            self.unchanged += 1
        else:
            self.changes.append(replace(change, line=line))

    def _is_there(self, change: Change) -> bool:
        assert change.path is not None
        facts = self.place.facts(change.path)
        if facts is None or facts.size != change.size:
            return False
        try:
            return self._cache.digests(self.place.top / change.path).sha256 == change.sha256
        except AtollError:
            return False  # it cannot be read: whether it can be written the download will tell


async def plan_export(
    place: Place,
    assets: AsyncIterator[AssetView],
    folder: Path,
    only: Filter,
    cache: HashCache,
    progress: Callable[[FolderProgress], None],
    limit: int = MAX_FILES,
) -> ExportPlan:
    """Compare all assets with the files in `folder`; `BadRequest` above `limit` of them."""
    with local_file("the manifest's draft"):
        plan = _Planning(place, folder, only, cache)
    try:
        async for batch in _batches(assets):
            with local_file("the manifest's draft"):
                await asyncio.to_thread(plan.take, batch)
            progress(FolderProgress("compare", plan.files, plan.files, plan.bytes, plan.bytes))
            if plan.files > limit:
                raise BadRequest("Too many assets for one run; take folder by folder.", limit=limit)
    except BaseException:
        plan.manifest.close()
        raise
    return ExportPlan(
        place.bucket,
        place.prefix,
        tuple(plan.changes),
        plan.unchanged,
        plan.ignored,
        place=plan.place,
        manifest=plan.manifest,
    )


async def _batches(assets: AsyncIterator[AssetView]) -> AsyncIterator[list[AssetView]]:
    batch: list[AssetView] = []
    size = 0
    async for asset in assets:
        batch.append(asset)
        size += asset.bytes
        if len(batch) >= BATCH_ASSETS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
