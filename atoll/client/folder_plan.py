"""Comparing a folder with a bucket: what differs, and what would be deleted. Reads files; moves nothing.

A file is the same as its asset when size and SHA-256 are; only where the sizes are equal is it hashed.

What a delete may take away: an asset below the prefix for which there is no file – unless patterns leave its
file out, or it would lie in a folder that could not be read. An empty folder, or one with unreadable parts,
deletes nothing at all unless forced: a disk that is not mounted looks just like that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from atoll.client.folder_files import (
    MAX_FILES,
    Change,
    Expected,
    FileDiffers,
    FolderPlan,
    FolderProgress,
    FolderUnsafe,
    LocalFile,
    Remote,
    Step,
)
from atoll.client.folder_names import likely_paths
from atoll.client.folder_scan import Scanned, printed
from atoll.client.globs import Filter
from atoll.client.hash_cache import Digests, HashCache
from atoll.errors import AtollError, BadRequest
from atoll.node_api import AssetView

BATCH_FILES, BATCH_BYTES = 256, 64 * 2**20  # looked at in one go, in a thread

Remotes = Mapping[str, Remote]
Progress = Callable[[FolderProgress], None]


@dataclass(frozen=True)
class Place:
    """Where in the cluster: a bucket, and a folder of it with `/` at its end, or ""."""

    bucket: str
    prefix: str


async def list_remote(assets: AsyncIterator[AssetView], limit: int = MAX_FILES) -> dict[str, Remote]:
    """What the listing says, by public_id; `BadRequest` above `limit` assets."""
    found: dict[str, Remote] = {}
    async for asset in assets:
        found[asset.public_id] = Remote(
            asset.asset_id, asset.sha256, asset.bytes, asset.format, asset.filename, asset.sent_sha256
        )
        if len(found) > limit:
            raise BadRequest("Too many assets for one run; take folder by folder.", limit=limit)
    return found


async def compare(
    place: Place,
    local: Scanned,
    remote: Remotes,
    cache: HashCache,
    progress: Progress,
    gone: Sequence[Change] = (),
) -> FolderPlan:
    """What it takes to make the bucket like the folder; `gone` is what is to be deleted there."""
    changes, unchanged, done = list(local.refused), 0, 0
    total = sum(file.size for file in local.files.values())
    seen_bytes = 0
    for batch in _batches(list(local.files.values())):
        found = await asyncio.to_thread(lambda files: [_change(f, remote, cache) for f in files], batch)
        changes += [change for change in found if change is not None]
        unchanged += found.count(None)
        done, seen_bytes = done + len(batch), seen_bytes + sum(file.size for file in batch)
        progress(FolderProgress("compare", done, len(local.files), seen_bytes, total))
    return FolderPlan(place.bucket, place.prefix, (*changes, *gone), unchanged, local.ignored)


def _batches(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    batch: list[LocalFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size
        if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _change(file: LocalFile, remote: Remotes, cache: HashCache) -> Change | None:
    there = remote.get(file.public_id)
    try:
        if (there is not None and (there.size == file.size or there.sent)) or _to_be_read(file.expected):
            digests = checked(file, cache)
            if there is not None and digests.sha256 in (there.sha256, there.sent):
                return None
    except AtollError as error:
        return Change(Step.SKIP, file.relative, file.public_id, file.size, error=error, file=file)
    step, asset_id = (Step.UPLOAD, None) if there is None else (Step.REPLACE, there.asset_id)
    return Change(step, file.relative, file.public_id, file.size, asset_id=asset_id, file=file)


def _to_be_read(expected: Expected | None) -> bool:
    return expected is not None and (expected.size, expected.md5, expected.sha256) != (None, None, None)


def checked(file: LocalFile, cache: HashCache) -> Digests:
    """The file's digests now; `FileDiffers` when it is not the one that a listing says. Blocks."""
    expected = file.expected or Expected()
    if expected.size is not None and file.size != expected.size:
        raise _differs(file, "size", file.size, expected.size)
    digests = cache.digests(file.path, md5=expected.md5 is not None)
    if expected.md5 is not None and digests.md5 != expected.md5:
        raise _differs(file, "MD5", digests.md5, expected.md5)
    if expected.sha256 is not None and digests.sha256 != expected.sha256:
        raise _differs(file, "SHA-256", digests.sha256, expected.sha256)
    return digests


def _differs(file: LocalFile, what: str, got: object, listed: object) -> FileDiffers:
    where = printed(file.relative)
    return FileDiffers(f"{where}: has the {what} {got}; listed is {listed}.", path=where)


def deletes(place: Place, local: Scanned, remote: Remotes, only: Filter, *, force: bool) -> list[Change]:
    """What is gone locally; `FolderUnsafe` when the folder does not look like one that can say so."""
    gone = [
        Change(Step.DELETE, None, public_id, there.size, there.sha256, there.asset_id)
        for public_id, there in remote.items()
        if public_id not in local.taken and _meant(public_id, there, place, local, only)
    ]
    if remote and not force:
        if local.unreadable:
            where = ", ".join(printed(folder or ".") for folder in local.unreadable[:5])
            raise FolderUnsafe(f"Not all of the folder could be read ({where}).", would_delete=len(gone))
        if local.empty:
            raise FolderUnsafe("The folder has no images; force it if that is so.", would_delete=len(gone))
    return gone


def _meant(public_id: str, there: Remote, place: Place, local: Scanned, only: Filter) -> bool:
    below = public_id.removeprefix(place.prefix)
    if any(below.startswith(folder) for folder in local.unreadable):
        return False
    paths = list(likely_paths(public_id, place.prefix, there.ext, there.filename))
    return any(map(only.includes, paths)) and not any(map(only.excludes, paths))
