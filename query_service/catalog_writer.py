"""Writing events into the catalog: a batch becomes a few bulk writes, and nothing depends on order.

Called by `Catalog.apply`. Each document is brought forward by an update that keeps the greater version
(`catalog_documents`). What remains is the one rule that spans documents: nothing may be there that a
tombstone covers (`catalog_graves`, with the order that every writer keeps). One that dies in between has
acknowledged nothing: the events come again and the step is repeated. Tombstones are also read before records
are written, so that a late record does not appear even for a moment.

Locations are written before assets: an asset that can be seen has a place to fetch it from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from pymongo import DeleteOne

from atoll.events import AnyEvent, Event
from atoll.model import AssetRecord
from query_service.catalog_documents import (
    asset_document,
    blob_key,
    first_marks,
    replace_if_newer,
    take_marks,
    tombstone_document,
)
from query_service.catalog_errors import catalog_errors
from query_service.catalog_fold import DocumentName, Fold, documents_of, fold, folded
from query_service.catalog_graves import Graves, grave_of
from query_service.catalog_inserts import insert
from query_service.catalog_upserts import Upsert, Upserts
from query_service.catalog_version_documents import version_document
from query_service.mongo_driver import MongoDatabase

MAX_CHANGED = 10_000  # more assets than this behind one batch's blobs: everything counts as changed


class Applied(Struct, frozen=True):
    """What a batch did: the assets that may look different now, and the events it refused, with the reason.

    `changed` is None when they are too many to name: then every asset may.
    """

    changed: frozenset[str] | None
    refused: tuple[tuple[AnyEvent, str], ...] = ()


class CatalogWriter:
    """The writing half of the catalog. After `CatalogUnavailable` the whole batch is to be repeated."""

    def __init__(self, mongo: MongoDatabase, marks_ms: int, now_ms: Callable[[], int]) -> None:
        """`marks_ms`: how long what only remembers that something is gone is kept."""
        self._mongo, self._marks_ms, self._now_ms = mongo, marks_ms, now_ms
        self._upserts, self._graves = Upserts(mongo), Graves(mongo)

    async def apply(self, events: Sequence[Event]) -> Applied:
        """Fold `events` into the catalog; see `Catalog.apply`."""
        change, refused = fold(events), dict[DocumentName, str]()
        with catalog_errors("taking events"):
            await self._write(change, refused)
            changed = await self._changed(change)
        return Applied(changed, _refusals(events, refused))

    async def mend(self, change: Fold) -> Mapping[DocumentName, str]:
        """Bring the documents to what the nodes say; those of the same version too, for they may be damaged.

        Returns what cannot be written, and why.
        """
        refused = dict[DocumentName, str]()
        with catalog_errors("being rebuilt"):
            await self._write(change, refused, or_equal=True)
        return refused

    async def remove_ghosts(self, ghosts: Mapping[str, str], versions: Sequence[str] = ()) -> None:
        """Remove assets that no node knows, each only at the version given, and records (`_id`)."""
        if versions:
            with catalog_errors("being rebuilt"):
                await self._mongo.collection("versions").delete_many({"_id": {"$in": list(versions)}})
        removals = [DeleteOne({"_id": i, "version": version}) for i, version in ghosts.items()]
        if removals:
            with catalog_errors("being rebuilt"):
                await self._mongo.collection("assets").bulk_write(removals, ordered=False)

    async def _write(self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool = False) -> None:
        expires_at = datetime.fromtimestamp((self._now_ms() + self._marks_ms) / 1000, UTC)
        await self._bury(change, expires_at, refused)
        await self._upserts.write("locations", _places(change, expires_at, new=not or_equal), refused)
        await self._write_assets(change, refused, or_equal=or_equal)

    async def _bury(self, change: Fold, expires_at: datetime, refused: dict[DocumentName, str]) -> None:
        stones = [tombstone_document(stone, expires_at) for stone in change.tombstones.values()]
        await self._upserts.write(
            "tombstones", [Upsert(s["_id"], replace_if_newer(s)) for s in stones], refused
        )
        await self._graves.bury(
            stone for name, stone in change.tombstones.items() if ("tombstones", name) not in refused
        )

    async def _write_assets(self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool) -> None:
        covered = await self._graves.covered([grave_of(r) for r in change.versions.values()])
        living = [r for r in change.versions.values() if grave_of(r) not in covered]
        await self._write_versions(living, refused, or_equal=or_equal)
        documents = [asset_document(record) for record in folded(living, ()).records.values()]
        upserts = [
            Upsert(d["_id"], replace_if_newer(d, or_equal=or_equal), fresh=None if or_equal else d)
            for d in documents
        ]
        await self._upserts.write("assets", upserts, refused)
        covered = await self._graves.covered([grave_of(record) for record in living])
        if covered:
            await self._graves.remove_versions(covered)
            await self._graves.settle({grave.asset_id for grave in covered})

    async def _write_versions(
        self, records: list[AssetRecord], refused: dict[DocumentName, str], *, or_equal: bool
    ) -> None:
        documents = [version_document(record) for record in records]
        if or_equal:
            upserts = [Upsert(d["_id"], replace_if_newer(d, or_equal=True)) for d in documents]
            await self._upserts.write("versions", upserts, refused)
        else:
            await insert(self._mongo, "versions", documents, refused)

    async def _changed(self, change: Fold) -> frozenset[str] | None:
        """The assets of the batch, and all others whose bytes are one of its blobs."""
        named = change.records.keys() | {stone.of_asset for stone in change.tombstones.values()}
        if not change.marks:
            return frozenset(named)
        sharing = (
            self._mongo.collection("assets")
            .find({"blob": {"$in": list(change.marks)}}, {"_id": 1})
            .limit(MAX_CHANGED + 1)
        )
        changed = named | {document["_id"] for document in await sharing.to_list(None)}
        return frozenset(changed) if len(changed) <= MAX_CHANGED else None


def _places(change: Fold, expires_at: datetime, *, new: bool) -> list[Upsert]:
    """Of each blob. Those that come with their record are probably new, unless all is written anew."""
    arrived = {blob_key(record.bucket, record.blob.sha256) for record in change.records.values()}
    return [
        Upsert(
            key,
            take_marks(marks, expires_at),
            first_marks(key, marks, expires_at) if new and key in arrived else None,
        )
        for key, marks in change.marks.items()
    ]


def _refusals(events: Sequence[Event], refused: dict[DocumentName, str]) -> tuple[tuple[Event, str], ...]:
    if not refused:
        return ()
    reasons = (
        (event, [refused[name] for name in documents_of(event) if name in refused]) for event in events
    )
    return tuple((event, "; ".join(why)) for event, why in reasons if why)
