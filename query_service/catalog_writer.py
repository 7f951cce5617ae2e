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
from types import MappingProxyType

from msgspec import Struct
from pymongo import DeleteOne

from atoll.events import AnyEvent, Event
from atoll.ids import id_time_ms
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
from query_service.catalog_fences import fence_of, may_have_one
from query_service.catalog_fold import DocumentName, Fold, documents_of, fold
from query_service.catalog_graves import Graves, grave_of
from query_service.catalog_records import RecordWriter, by_asset, newest
from query_service.catalog_upserts import Upsert, Upserts
from query_service.catalog_version_documents import version_document
from query_service.mongo_driver import MongoDatabase

MAX_CHANGED = 10_000  # more assets than this behind one batch's blobs: everything counts as changed


class Applied(Struct, frozen=True):
    """What a batch did: the assets that may look different now, and the events it refused, with the reason.

    `changed` is None when they are too many to name: then every asset may. `came`: those of them whose
    records came and are covered by no tombstone, each with the time of its version (Unix ms).
    """

    changed: frozenset[str] | None
    refused: tuple[tuple[AnyEvent, str], ...] = ()
    came: Mapping[str, int] = MappingProxyType({})


class CatalogWriter:
    """The writing half of the catalog. After `CatalogUnavailable` the whole batch is to be repeated."""

    def __init__(self, mongo: MongoDatabase, marks_ms: int, now_ms: Callable[[], int]) -> None:
        """`marks_ms`: how long what only remembers that something is gone is kept."""
        self._mongo, self._marks_ms, self._now_ms = mongo, marks_ms, now_ms
        self._upserts, self._graves, self._records = Upserts(mongo), Graves(mongo), RecordWriter(mongo)

    async def apply(self, events: Sequence[Event]) -> Applied:
        """Fold `events` into the catalog; see `Catalog.apply`."""
        change, refused = fold(events), dict[DocumentName, str]()
        with catalog_errors("taking events"):
            new, came = await self._write(change, refused)
            changed = await self._changed(change, new)
        return Applied(changed, _refusals(events, refused), came)

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
                await self._graves.remove_fences(ghosts)

    async def _write(
        self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool = False
    ) -> tuple[frozenset[str], dict[str, int]]:
        """Returns the blobs that nobody knew of, and the assets whose records came to stay."""
        expires_at = datetime.fromtimestamp((self._now_ms() + self._marks_ms) / 1000, UTC)
        await self._bury(change, expires_at, refused)
        new = await self._upserts.write("locations", _places(change, expires_at, new=not or_equal), refused)
        return new, await self._write_assets(change, refused, or_equal=or_equal)

    async def _bury(self, change: Fold, expires_at: datetime, refused: dict[DocumentName, str]) -> None:
        stones = [tombstone_document(stone, expires_at) for stone in change.tombstones.values()]
        await self._upserts.write(
            "tombstones", [Upsert(s["_id"], replace_if_newer(s)) for s in stones], refused
        )
        await self._graves.bury(
            stone for name, stone in change.tombstones.items() if ("tombstones", name) not in refused
        )

    async def _write_assets(
        self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool
    ) -> dict[str, int]:
        covered = await self._graves.covered([grave_of(r) for r in change.versions.values()])
        living = [r for r in change.versions.values() if grave_of(r) not in covered]
        replaced = await self._records.put(living, refused)
        if or_equal:
            await self._write_anew(living, refused)
        await self._write_fences(living)
        covered = await self._graves.covered([grave_of(record) for record in (*living, *replaced)])
        if covered:
            await self._graves.remove_versions(covered)
            await self._graves.settle({grave.asset_id for grave in covered})
        stay = sorted((r for r in living if grave_of(r) not in covered), key=lambda record: record.version)
        return {record.asset_id: id_time_ms(record.version) for record in stay}  # of several, the newest

    async def _write_anew(self, records: list[AssetRecord], refused: dict[DocumentName, str]) -> None:
        """All of an asset's records, over whatever is there of the same version."""
        current = {name: newest(found) for name, found in by_asset(records).items()}
        older = [version_document(record) for record in records if record is not current[record.asset_id]]
        for collection, documents in (
            ("versions", older),
            ("assets", [asset_document(record) for record in current.values()]),
        ):
            upserts = [Upsert(d["_id"], replace_if_newer(d, or_equal=True)) for d in documents]
            await self._upserts.write(collection, upserts, refused)

    async def _write_fences(self, records: list[AssetRecord]) -> None:
        """One that cannot be written is missed by nobody."""
        few = (asset_document(record) for record in records if may_have_one(record.asset_id))
        fences = [fence for document in few if (fence := fence_of(document))]
        upserts = [Upsert(f["_id"], [{"$replaceWith": {"$literal": f}}], fresh=f) for f in fences]
        await self._upserts.write("fences", upserts, {})

    async def _changed(self, change: Fold, new: frozenset[str]) -> frozenset[str] | None:
        """The assets of the batch, and all others whose bytes are one of its blobs.

        Those of a `new` blob are in the batch: where nobody knew who holds a blob, nobody was told. (An asset
        whose bytes no node has held for as long as that is remembered shows them when caches are too old.)
        """
        named = change.records.keys() | {stone.of_asset for stone in change.tombstones.values()}
        known = change.marks.keys() - new
        if not known:
            return frozenset(named)
        sharing = (
            self._mongo.collection("assets")
            .find({"blob": {"$in": list(known)}}, {"_id": 1})
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
