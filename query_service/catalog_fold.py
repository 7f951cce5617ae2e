"""Folding a batch of events into one change per document. Pure.

A blob that was stored in one region and replicated to two makes three events, often in one batch: they become
one update. Called by `catalog_writer`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from atoll.events import AssetDeleted, BlobDeleted, BlobStored, Event, apart
from atoll.model import AssetRecord, Tombstone
from query_service.catalog_documents import Mark, blob_key
from query_service.catalog_version_documents import version_key

DocumentName = tuple[str, str]  # collection, _id


@dataclass(frozen=True)
class Fold:
    """What a batch comes to: the greatest version of assets and tombstones, the latest mark of each node.

    `versions` are all records, by the `_id` of their document.
    """

    records: dict[str, AssetRecord] = field(default_factory=dict)
    versions: dict[str, AssetRecord] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    marks: dict[str, dict[str, Mark]] = field(default_factory=dict)


def fold(events: Iterable[Event]) -> Fold:
    """The fold of `events`, in whatever order they come."""
    result = Fold()
    for event in chain.from_iterable(map(apart, events)):
        if isinstance(event, AssetDeleted):
            stone = event.tombstone
            _keep_greater(result.tombstones, stone)
            continue
        if isinstance(event, BlobStored):
            _take_record(result, event.asset)
        mark = Mark(event.at, not isinstance(event, BlobDeleted), event.region)
        nodes = result.marks.setdefault(_blob_of(event), {})
        nodes[event.node] = max(mark, nodes.get(event.node, mark))
    return result


def folded(records: Iterable[AssetRecord], tombstones: Iterable[Tombstone]) -> Fold:
    """The fold of what is known without events; it says nothing of who holds bytes."""
    result = Fold()
    for record in records:
        _take_record(result, record)
    for stone in tombstones:
        _keep_greater(result.tombstones, stone)
    return result


def _take_record(result: Fold, record: AssetRecord) -> None:
    _keep_greater(result.records, record)
    result.versions[version_key(record.asset_id, record.version)] = record


def _keep_greater(kept: dict[str, AssetRecord] | dict[str, Tombstone], new: AssetRecord | Tombstone) -> None:
    known = kept.get(new.asset_id)
    if known is None or new.version > known.version:
        kept[new.asset_id] = new  # type: ignore[assignment]  # a dict of the new one's own type by contract


def _blob_of(event: Event) -> str:
    if isinstance(event, BlobStored):
        return blob_key(event.asset.bucket, event.asset.blob.sha256)
    assert not isinstance(event, AssetDeleted)
    return blob_key(event.bucket, event.sha256)


def documents_of(event: Event) -> set[DocumentName]:
    """The documents an event changes: when the server refuses one of them, this event may be why."""
    if isinstance(event, AssetDeleted):
        return {("tombstones", event.tombstone.asset_id)}
    names = {("locations", _blob_of(each)) for each in apart(event)}
    if isinstance(event, BlobStored):
        names.add(("assets", event.asset.asset_id))
        names.add(("versions", version_key(event.asset.asset_id, event.asset.version)))
    return names
