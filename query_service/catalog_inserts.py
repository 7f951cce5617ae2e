"""Bulk inserts of documents that never change: what is there already is right. I/O.

Several times faster than upserts. Which document the server refuses for what it is, is noted, as in
`catalog_upserts`. Called by `catalog_records` for `versions`.
"""

from __future__ import annotations

from collections.abc import Iterable

import bson
from pymongo.errors import BulkWriteError

from query_service.catalog_documents import Document
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_fold import DocumentName
from query_service.catalog_upserts import DOCUMENT_AT_FAULT, DUPLICATE_KEY, NOT_ENCODABLE
from query_service.mongo_driver import MongoDatabase


async def insert(
    mongo: MongoDatabase, collection: str, documents: Iterable[Document], refused: dict[DocumentName, str]
) -> None:
    """Insert those that are not there, noting in `refused` which cannot be, and why."""
    wanted = list(documents)
    if not wanted:
        return
    try:
        await mongo.collection(collection).insert_many(wanted, ordered=False)
    except BulkWriteError as error:
        _sort_out(error, collection, wanted, refused)
    except NOT_ENCODABLE as error:
        good = [document for document in wanted if _is_good(collection, document, refused)]
        if len(good) == len(wanted):
            raise CatalogUnavailable("The driver refuses documents that are good.") from error
        await insert(mongo, collection, good, refused)


def _sort_out(
    error: BulkWriteError, collection: str, documents: list[Document], refused: dict[DocumentName, str]
) -> None:
    """Raises when the server is at fault."""
    details = error.details or {}
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or not failures:
        raise error
    for failure in failures:
        if failure["code"] == DUPLICATE_KEY:
            continue
        if failure["code"] not in DOCUMENT_AT_FAULT:
            raise error
        name = documents[failure["index"]]["_id"]
        refused[collection, name] = f"{failure['code']}: {failure['errmsg']}"


def _is_good(collection: str, document: Document, refused: dict[DocumentName, str]) -> bool:
    try:
        bson.encode(document)
    except NOT_ENCODABLE as error:
        refused[collection, document["_id"]] = f"not a document: {error}"
        return False
    return True
