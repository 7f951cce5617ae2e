"""What a run of `atoll upload` has to do, after what earlier ones did. I/O through journal and client.

A file that the journal says is uploaded is skipped – but only if the cluster still has the asset: somebody
may have deleted it since. That is asked for a thousand at a time, and not for what was uploaded in the last
minutes, which the catalog may not know yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from atoll.cli.journal import Done, Entry, Journal
from atoll.client.async_client import AsyncClient
from atoll.client.reference import Reference
from atoll.client.tree import FoundFile
from atoll.errors import NotFound

TRUSTED_MS = 600_000


@dataclass(frozen=True)
class Plan:
    """Files to upload, and those that are there already."""

    todo: tuple[FoundFile, ...]
    skipped: tuple[tuple[FoundFile, Done], ...]


async def make_plan(files: Sequence[FoundFile], journal: Journal, client: AsyncClient, now_ms: int) -> Plan:
    """Which of `files` to upload."""
    known = await asyncio.to_thread(_known, files, journal)
    gone = await _gone((entry for entry in known.values() if now_ms - entry.at_ms > TRUSTED_MS), client)
    todo: list[FoundFile] = []
    skipped: list[tuple[FoundFile, Done]] = []
    for index, file in enumerate(files):
        entry = known.get(index)
        if entry is not None and entry.done is not None and entry.done.asset_id not in gone:
            skipped.append((file, entry.done))
            continue
        if entry is not None:
            journal.forget(file)
        todo.append(file)
    return Plan(tuple(todo), tuple(skipped))


def _known(files: Iterable[FoundFile], journal: Journal) -> dict[int, Entry]:
    found = {index: journal.done(file) for index, file in enumerate(files) if file.error is None}
    return {index: entry for index, entry in found.items() if entry is not None}


async def _gone(entries: Iterable[Entry], client: AsyncClient) -> set[str]:
    """The ids of assets that the cluster says it does not have."""
    ids = [entry.done.asset_id for entry in entries if entry.done is not None]
    results = await client.resolve([Reference(asset_id=asset_id) for asset_id in ids]) if ids else ()
    return {asset_id for asset_id, result in zip(ids, results, strict=True) if isinstance(result, NotFound)}
