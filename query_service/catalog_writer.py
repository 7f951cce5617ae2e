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

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import bson
from bson.errors import BSONError
from msgspec import Struct
from pymongo import DeleteOne, UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge

from atoll.events import Event
from query_service.catalog_documents import (
    Document,
    asset_document,
    replace_if_newer,
    take_marks,
    tombstone_document,
)
from query_service.catalog_errors import CatalogUnavailable, catalog_errors
from query_service.catalog_fold import DocumentName, Fold, documents_of, fold
from query_service.mongo_driver import MongoDatabase

MAX_CHANGED = 10_000  # more assets than this behind one batch's blobs: everything counts as changed
_DUPLICATE_KEY = 11000
_UPSERT_TRIES = 4

# What is wrong with a document, as opposed to the server: sent again, it is refused again. MongoDB's codes
# for bad values, bad field names, documents and keys too large, and failed validation.
_DOCUMENT_AT_FAULT = frozenset({2, 9, 14, 20, 22, 28, 52, 55, 56, 57, 121, 10334, 17280, 17419, 17420})
_NOT_ENCODABLE = (BSONError, OverflowError, UnicodeEncodeError, DocumentTooLarge)


class Applied(Struct, frozen=True):
    """What a batch did: the assets that may look different now, and the events it refused, with the reason.

    `changed` is None when they are too many to name: then every asset may.
    """

    changed: frozenset[str] | None
    refused: tuple[tuple[Event, str], ...] = ()


class _Upsert(NamedTuple):
    id: str
    pipeline: list[Document]


class CatalogWriter:
    """The writing half of the catalog. After `CatalogUnavailable` the whole batch is to be repeated."""

    def __init__(self, mongo: MongoDatabase) -> None:
        self._mongo = mongo

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
        await self._bury(change, refused)
        await self._upsert(
            "locations", [_Upsert(key, take_marks(marks)) for key, marks in change.marks.items()], refused
        )
        await self._write_assets(change, refused, or_equal=or_equal)

    async def _bury(self, change: Fold, refused: dict[DocumentName, str]) -> None:
        stones = [tombstone_document(stone) for stone in change.tombstones.values()]
        await self._upsert("tombstones", [_Upsert(s["_id"], replace_if_newer(s)) for s in stones], refused)
        written = {s["_id"]: s["version"] for s in stones if ("tombstones", s["_id"]) not in refused}
        await self._remove_covered(written)

    async def _write_assets(self, change: Fold, refused: dict[DocumentName, str], *, or_equal: bool) -> None:
        covered = await self._tombstones(change.records)
        living = [
            asset_document(record)
            for record in change.records.values()
            if record.version > covered.get(record.asset_id, "")
        ]
        upserts = [_Upsert(d["_id"], replace_if_newer(d, or_equal=or_equal)) for d in living]
        await self._upsert("assets", upserts, refused)
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

    async def _upsert(
        self, collection: str, upserts: list[_Upsert], refused: dict[DocumentName, str]
    ) -> None:
        """Write all of them, noting in `refused` which documents cannot be written, and why."""
        for _ in range(_UPSERT_TRIES):
            if not upserts:
                return
            try:
                await self._send(collection, upserts)
            except BulkWriteError as error:
                upserts = _sort_out(error, collection, upserts, refused)
            except _NOT_ENCODABLE:
                upserts = _encodable(collection, upserts, refused)
            else:
                return
        raise CatalogUnavailable("Other writers were faster again and again.", retry_after=1)

    async def _send(self, collection: str, upserts: Iterable[_Upsert]) -> Any:
        operations = [UpdateOne({"_id": u.id}, u.pipeline, upsert=True) for u in upserts]
        return await self._mongo.collection(collection).bulk_write(operations, ordered=False)


def _sort_out(
    error: BulkWriteError, collection: str, upserts: list[_Upsert], refused: dict[DocumentName, str]
) -> list[_Upsert]:
    """The writes to try again: those that lost a race for a new `_id`. Raises when the server is at fault."""
    details = error.details or {}
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or not failures:
        raise error
    again = []
    for failure in failures:
        upsert = upserts[failure["index"]]
        if failure["code"] == _DUPLICATE_KEY and "_id" in failure.get("keyPattern", {}):
            again.append(upsert)
        elif failure["code"] == _DUPLICATE_KEY or failure["code"] in _DOCUMENT_AT_FAULT:
            refused[collection, upsert.id] = f"{failure['code']}: {failure['errmsg']}"
        else:
            raise error
    return again


def _encodable(collection: str, upserts: list[_Upsert], refused: dict[DocumentName, str]) -> list[_Upsert]:
    """Those that BSON can hold. One that it cannot makes the driver refuse the whole bulk write."""
    good = []
    for upsert in upserts:
        try:
            bson.encode({"_id": upsert.id, "u": upsert.pipeline})
        except _NOT_ENCODABLE as error:
            refused[collection, upsert.id] = f"not a document: {error}"
        else:
            good.append(upsert)
    if len(good) == len(upserts):
        raise CatalogUnavailable("The driver refuses documents that are good.")
    return good


def _refusals(events: Sequence[Event], refused: dict[DocumentName, str]) -> tuple[tuple[Event, str], ...]:
    if not refused:
        return ()
    reasons = (
        (event, [refused[name] for name in documents_of(event) if name in refused]) for event in events
    )
    return tuple((event, "; ".join(why)) for event, why in reasons if why)
