"""Records into the catalog: the newest becomes the asset, what it takes the place of becomes a version. I/O.

Most assets have one version, and it is in `assets` alone: one document costs MongoDB half of what two do. So
whoever replaces a document of `assets` first puts what lies there, and what comes, into `versions`, and then
replaces exactly what it has read; if another was faster, it reads again. A record that was ever replaced, or
came too late to be shown, is in `versions`. Called by `catalog_writer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError

from atoll.model import AssetRecord
from query_service.catalog_documents import Document, asset_document, record_of
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_fold import DocumentName
from query_service.catalog_inserts import insert
from query_service.catalog_upserts import DUPLICATE_KEY, NOT_ENCODABLE, Upsert, encodable, sort_out
from query_service.catalog_version_documents import version_document
from query_service.mongo_driver import MongoDatabase

ROUNDS = 64  # each is one more writer that was faster, and there are as many as query services

Records = Mapping[str, list[AssetRecord]]  # of each asset, by its id


class _Write(NamedTuple):
    """How an asset's document becomes `document`."""

    operation: Any
    document: Document


class RecordWriter:
    """Writes them. `refused`: see `catalog_upserts`."""

    def __init__(self, mongo: MongoDatabase) -> None:
        self._mongo = mongo

    async def put(
        self, records: Iterable[AssetRecord], refused: dict[DocumentName, str]
    ) -> list[AssetRecord]:
        """Bring these records in, whatever is there. Returns those that were replaced: they are in `versions`
        from now on, where a tombstone that was written meanwhile has not seen them."""
        replaced: list[AssetRecord] = []
        left: Records = by_asset(records)
        fresh = [asset_document(found[0]) for found in left.values() if len(found) == 1]
        inserted = await self._insert(fresh)
        left = {name: found for name, found in left.items() if name not in inserted}
        for _ in range(ROUNDS):
            if not left:
                return replaced
            left = await self._bring_forward(left, replaced, refused)
        raise CatalogUnavailable("Other writers were faster again and again.", retry_after=1)

    async def _insert(self, documents: list[Document]) -> set[str]:
        """Insert what is probably new; which of it is in. Why others are not is found out afterwards."""
        names = [document["_id"] for document in documents]
        if not names:
            return set()
        try:
            await self._assets.bulk_write([InsertOne(document) for document in documents], ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            failures = details.get("writeErrors", [])
            if details.get("writeConcernErrors") or not failures:
                raise
            return set(names) - {names[failure["index"]] for failure in failures}
        except NOT_ENCODABLE:
            return set()
        return set(names)

    async def _bring_forward(
        self, records: Records, replaced: list[AssetRecord], refused: dict[DocumentName, str]
    ) -> Records:
        """One look and what follows from it; the assets of which another writer was faster."""
        found = await self._assets.find({"_id": {"$in": list(records)}}).to_list(None)
        there: dict[str, Document] = {document["_id"]: document for document in found}
        news = {name: each for name, each in records.items() if not _is_known(there.get(name), each)}
        lying = _readable(there[name] for name in news if name in there)
        coming = [record for each in news.values() for record in each]
        await insert(self._mongo, "versions", _versions([*lying, *coming]), refused)
        replaced += lying
        writes = [w for name, each in news.items() if (w := _write(there.get(name), newest(each)))]
        again = await self._send(writes, refused)
        return {name: records[name] for name in again}

    async def _send(self, writes: list[_Write], refused: dict[DocumentName, str]) -> set[str]:
        """The assets to look at again."""
        if not writes:
            return set()
        upserts = [Upsert(write.document["_id"], [write.document]) for write in writes]
        try:
            done = await self._assets.bulk_write([write.operation for write in writes], ordered=False)
        except BulkWriteError as error:
            told = dict[DocumentName, str]()
            sort_out(error, "assets", upserts, told)
            refused |= await self._without_races(told, [write.document for write in writes])
        except NOT_ENCODABLE:
            encodable("assets", upserts, refused)
        else:
            if done.inserted_count + done.matched_count == len(writes):
                return set()
        # Which ones it was is not told; who looks again at what is done finds nothing to do.
        return {upsert.id for upsert in upserts if ("assets", upsert.id) not in refused}

    async def _without_races(
        self, refused: dict[DocumentName, str], documents: list[Document]
    ) -> dict[DocumentName, str]:
        """Those refused for good. When two insert one asset, the server may tell the later one of any of its
        unique indexes: by its name, too, an asset stands in nobody's way but its own."""
        names = {d["_id"]: {"bucket": d["bucket"], "public_id": d["public_id"]} for d in documents}
        return {
            (collection, asset_id): reason
            for (collection, asset_id), reason in refused.items()
            if not reason.startswith(f"{DUPLICATE_KEY}:") or await self._is_taken(names[asset_id], asset_id)
        }

    async def _is_taken(self, name: Document, asset_id: str) -> bool:
        """Whether another asset has the name."""
        found = await self._assets.find_one(name, {"_id": 1})
        return found is not None and found["_id"] != asset_id

    @property
    def _assets(self) -> Any:
        return self._mongo.collection("assets")


def by_asset(records: Iterable[AssetRecord]) -> dict[str, list[AssetRecord]]:
    """The records of each asset."""
    found: dict[str, list[AssetRecord]] = {}
    for record in records:
        found.setdefault(record.asset_id, []).append(record)
    return found


def newest(records: Iterable[AssetRecord]) -> AssetRecord:
    """The record that is shown, of one asset's."""
    return max(records, key=lambda record: record.version)


def _is_known(there: Document | None, records: list[AssetRecord]) -> bool:
    """Whether it is only told again what is shown."""
    return there is not None and {there.get("version")} == {record.version for record in records}


def _write(there: Document | None, record: AssetRecord) -> _Write | None:
    """None: what is there is as new."""
    document = asset_document(record)
    if there is None:
        return _Write(InsertOne(document), document)
    version = there.get("version")
    if version is not None and version >= record.version:
        return None
    return _Write(ReplaceOne({"_id": record.asset_id, "version": version}, document), document)


def _versions(records: Iterable[AssetRecord]) -> list[Document]:
    return list({(d := version_document(record))["_id"]: d for record in records}.values())


def _readable(documents: Iterable[Document]) -> list[AssetRecord]:
    """The records in them; one that cannot be read is as good as absent."""
    return [record for document in documents if (record := _read(document))]


def _read(document: Document) -> AssetRecord | None:
    try:
        return record_of(document)
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError):
        return None


async def keep(mongo: MongoDatabase, document: Document, refused: dict[DocumentName, str]) -> None:
    """Put what lies in `assets` into `versions`, before it is replaced."""
    await insert(mongo, "versions", _versions(_readable([document])), refused)
