"""Assets put into the catalog's collections as its own documents, in bulk: what a catalog is grown with."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

from atoll.ids import new_id
from atoll.model import AssetRecord, Blob, Location, Picture
from benchmarks.synthetic_index import BUCKET, SET
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_documents import Mark, asset_document, blob_key, first_marks
from query_service.catalog_fences import fence_of
from query_service.mongo_driver import MongoDatabase

NODE, REGION = "a-node", "here"
FILLED = ("assets", "locations", "fences")  # the collections
_LONG_AGO_MS = 1_700_000_000_000
_LATER = datetime(2100, 1, 1, tzinfo=UTC)


def record_at(number: int, at: int = _LONG_AGO_MS) -> AssetRecord:
    """The record of a number, whose version is of `at` (Unix ms)."""
    sha256 = hashlib.sha256(b"%d" % number).hexdigest()
    blob = Blob(BUCKET, sha256, "jpg", 80_000 + number % 9973, Picture(1280, 960))
    version = new_id(at)[:10] + sha256[:16]
    return AssetRecord(
        f"0{sha256[:25]}",
        f"album-{number % 100}/{sha256[:12]}",
        version,
        SET,
        blob,
        at,
        (f"tag-{number % 50}",),
    )


def asset_at(number: int) -> CatalogAsset:
    """What the catalog has of it."""
    return CatalogAsset(record_at(number), (Location(NODE, REGION, _LONG_AGO_MS, _LONG_AGO_MS),))


async def fill(mongo: MongoDatabase, numbers: range, at_once: int) -> None:
    """Insert these, so many documents of each collection in one call."""
    for first in range(numbers.start, numbers.stop, at_once):
        records = [record_at(n) for n in range(first, min(first + at_once, numbers.stop))]
        assets = [asset_document(record) for record in records]
        keys = [blob_key(record.bucket, record.blob.sha256) for record in records]
        marks = {NODE: Mark(_LONG_AGO_MS, held=True, region=REGION)}
        places = [first_marks(key, marks, _LATER) for key in keys]
        fences = [fence for document in assets if (fence := fence_of(document))]
        documents = dict(zip(FILLED, (assets, places, fences), strict=True))
        await asyncio.gather(
            *(mongo.collection(name).insert_many(some) for name, some in documents.items() if some)
        )
