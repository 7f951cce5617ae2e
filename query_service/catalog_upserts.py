"""Bulk upserts that tell a bad document from a bad moment. I/O.

What is probably new is inserted first, and brought forward by its pipeline only where it turns out to be
there: to the server an insert costs a third to a fifth of such an upsert, and a duplicate next to nothing.

What the server refuses for what it is, is noted and the rest written; a race for a new `_id` is run again;
all else is an outage, raised for the caller to repeat the whole. Called by `catalog_writer` and `job_store`;
`catalog_records` sorts out its failures in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import bson
from bson.errors import BSONError
from pymongo import InsertOne, UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge

from query_service.catalog_documents import Document
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_fold import DocumentName
from query_service.mongo_driver import MongoDatabase

DUPLICATE_KEY = 11000
_UPSERT_TRIES = 4

# What is wrong with a document, as opposed to the server: sent again, it is refused again. MongoDB's codes
# for bad values, bad field names, documents and keys too large, and failed validation.
DOCUMENT_AT_FAULT = frozenset({2, 9, 14, 20, 22, 28, 52, 55, 56, 57, 121, 10334, 17280, 17419, 17420})
NOT_ENCODABLE = (BSONError, OverflowError, UnicodeEncodeError, DocumentTooLarge)


class Upsert(NamedTuple):
    """The document `id`, brought forward by an update pipeline; made if it is not there.

    `fresh` is what the pipeline makes of nothing, for a document that is probably new.
    """

    id: str
    pipeline: list[Document]
    fresh: Document | None = None


class Upserts:
    """Writes them."""

    def __init__(self, mongo: MongoDatabase) -> None:
        self._mongo = mongo

    async def write(
        self, collection: str, upserts: list[Upsert], refused: dict[DocumentName, str]
    ) -> frozenset[str]:
        """Write all of them, noting in `refused` which documents cannot be written, and why.

        Returns the ids that were not there before; perhaps not all of them.
        """
        everything, upserts = upserts, await self._insert(collection, upserts)
        new = frozenset({upsert.id for upsert in everything} - {upsert.id for upsert in upserts})
        for _ in range(_UPSERT_TRIES):
            if not upserts:
                return new
            try:
                await self._send(collection, upserts)
            except BulkWriteError as error:
                upserts = sort_out(error, collection, upserts, refused)
            except NOT_ENCODABLE:
                upserts = encodable(collection, upserts, refused)
            else:
                return new
        raise CatalogUnavailable("Other writers were faster again and again.", retry_after=1)

    async def _insert(self, collection: str, upserts: list[Upsert]) -> list[Upsert]:
        """Insert what is probably new. Returns what is still to be written: what was there, and what was
        refused, for whose reason the upsert is asked."""
        fresh = [upsert for upsert in upserts if upsert.fresh is not None]
        if not fresh:
            return upserts
        left = [upsert for upsert in upserts if upsert.fresh is None]
        try:
            operations = [InsertOne(u.fresh) for u in upserts if u.fresh is not None]  # as in `fresh`
            await self._mongo.collection(collection).bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            failures = (error.details or {}).get("writeErrors", [])
            if (error.details or {}).get("writeConcernErrors") or not failures:
                raise
            left += [fresh[failure["index"]] for failure in failures]
        except NOT_ENCODABLE:
            return upserts
        return left

    async def _send(self, collection: str, upserts: Iterable[Upsert]) -> Any:
        operations = [UpdateOne({"_id": u.id}, u.pipeline, upsert=True) for u in upserts]
        return await self._mongo.collection(collection).bulk_write(operations, ordered=False)


def sort_out(
    error: BulkWriteError, collection: str, upserts: list[Upsert], refused: dict[DocumentName, str]
) -> list[Upsert]:
    """The writes to try again: those that lost a race for a new `_id`. Raises when the server is at fault."""
    details = error.details or {}
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or not failures:
        raise error
    again = []
    for failure in failures:
        upsert = upserts[failure["index"]]
        if failure["code"] == DUPLICATE_KEY and "_id" in failure.get("keyPattern", {}):
            again.append(upsert)
        elif failure["code"] == DUPLICATE_KEY or failure["code"] in DOCUMENT_AT_FAULT:
            refused[collection, upsert.id] = f"{failure['code']}: {failure['errmsg']}"
        else:
            raise error
    return again


def encodable(collection: str, upserts: list[Upsert], refused: dict[DocumentName, str]) -> list[Upsert]:
    """Those that BSON can hold. One that it cannot makes the driver refuse the whole bulk write."""
    good = []
    for upsert in upserts:
        try:
            bson.encode({"_id": upsert.id, "u": upsert.pipeline})
        except NOT_ENCODABLE as error:
            refused[collection, upsert.id] = f"not a document: {error}"
        else:
            good.append(upsert)
    if len(good) == len(upserts):
        raise CatalogUnavailable("The driver refuses documents that are good.")
    return good
