"""Writing events into the catalog: a batch becomes a few bulk writes, and nothing depends on order.

Called by `Catalog.apply`. Each document is brought forward by an update that keeps the greater version
(`catalog_documents`). What remains is the one rule that spans two documents: an asset must not be there when
its tombstone covers its version. No transaction is needed, only an order that every writer keeps:

    a writer of records writes the asset, then reads the tombstone, and removes the asset if it is covered;
    a writer of tombstones writes the tombstone, then removes the asset if it is covered.

Whichever way two writers interleave, the later of the two second steps sees both documents. One that dies in
between has acknowledged nothing: the events come again and the step is repeated. Tombstones are also read
before records are written, so that a late record does not appear even for a moment.

Locations are written before assets: an asset that can be seen has a place to fetch it from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from pymongo import DeleteOne

from atoll.events import Event
from query_service.catalog_documents import (
    asset_document,
    replace_if_newer,
    take_marks,
    tombstone_document,
)
from query_service.catalog_errors import catalog_errors
from query_service.catalog_fold import DocumentName, Fold, documents_of, fold
from query_service.catalog_upserts import Upsert, Upserts
from query_service.mongo_driver import MongoDatabase

MAX_CHANGED = 10_000  # more assets than this behind one batch's blobs: everything counts as changed


class Applied(Struct, frozen=True):
    """What a batch did: the assets that may look different now, and the events it refused, with the reason.

    `changed` is None when they are too many to name: then every asset may.
    """

    changed: frozenset[str] | None
    refused: tuple[tuple[Event, str], ...] = ()


class CatalogWriter:
    """The writing half of the catalog. After `CatalogUnavailable` the whole batch is to be repeated."""

    def __init__(self, mongo: MongoDatabase, marks_ms: int, now_ms: Callable[[], int]) -> None:
        """`marks_ms`: how long what only remembers that something is gone is kept."""
        self._mongo, self._marks_ms, self._now_ms = mongo, marks_ms, now_ms
        self._upserts = Upserts(mongo)

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

    async def remove_ghosts(self, ghosts: Mapping[str, str]) -> None:
        """Remove assets that no node knows, each only at the version given."""
        removals = [DeleteOne({"_id": i, "version": version}) for i, version in ghosts.items()]
        if removals:
            with catalog_errors("being rebuilt"):
                await self._mongo.collection("assets").bulk_write(removals, ordered=False)

    async def _write(self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool = False) -> None:
        expires_at = datetime.fromtimestamp((self._now_ms() + self._marks_ms) / 1000, UTC)
        await self._bury(change, expires_at, refused)
        places = [Upsert(key, take_marks(marks, expires_at)) for key, marks in change.marks.items()]
        await self._upserts.write("locations", places, refused)
        await self._write_assets(change, refused, or_equal=or_equal)

    async def _bury(self, change: Fold, expires_at: datetime, refused: dict[DocumentName, str]) -> None:
        stones = [tombstone_document(stone, expires_at) for stone in change.tombstones.values()]
        await self._upserts.write(
            "tombstones", [Upsert(s["_id"], replace_if_newer(s)) for s in stones], refused
        )
        written = {s["_id"]: s["version"] for s in stones if ("tombstones", s["_id"]) not in refused}
        await self._remove_covered(written)

    async def _write_assets(self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool) -> None:
        covered = await self._tombstones(change.records)
        living = [
            asset_document(record)
            for record in change.records.values()
            if record.version > covered.get(record.asset_id, "")
        ]
        upserts = [Upsert(d["_id"], replace_if_newer(d, or_equal=or_equal)) for d in living]
        await self._upserts.write("assets", upserts, refused)
        await self._remove_covered(await self._tombstones([document["_id"] for document in living]))

    async def _tombstones(self, asset_ids: Collection[str]) -> dict[str, str]:
        """The version up to which each of these assets is deleted."""
        if not asset_ids:
            return {}
        found = self._mongo.collection("tombstones").find({"_id": {"$in": list(asset_ids)}}, {"version": 1})
        return {stone["_id"]: stone["version"] for stone in await found.to_list(None)}

    async def _remove_covered(self, covered: dict[str, str]) -> None:
        removals = [
            DeleteOne({"_id": asset_id, "version": {"$lte": version}})
            for asset_id, version in covered.items()
        ]
        if removals:
            await self._mongo.collection("assets").bulk_write(removals, ordered=False)

    async def _changed(self, change: Fold) -> frozenset[str] | None:
        """The assets of the batch, and all others whose bytes are one of its blobs."""
        named = change.records.keys() | change.tombstones.keys()
        if not change.marks:
            return frozenset(named)
        sharing = (
            self._mongo.collection("assets")
            .find({"blob": {"$in": list(change.marks)}}, {"_id": 1})
            .limit(MAX_CHANGED + 1)
        )
        changed = named | {document["_id"] for document in await sharing.to_list(None)}
        return frozenset(changed) if len(changed) <= MAX_CHANGED else None


def _refusals(events: Sequence[Event], refused: dict[DocumentName, str]) -> tuple[tuple[Event, str], ...]:
    if not refused:
        return ()
    reasons = (
        (event, [refused[name] for name in documents_of(event) if name in refused]) for event in events
    )
    return tuple((event, "; ".join(why)) for event, why in reasons if why)
