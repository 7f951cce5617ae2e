"""The documents of `versions`: the records of an asset that are not the current one, or were not once. Pure.

`_id` is "asset_id/version". They are written once and never changed: a record is what it is. Used by the
catalog's files only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atoll.model import AssetRecord
from query_service.catalog_documents import Document, record_document, record_of


def version_key(asset_id: str, version: str) -> str:
    """The `_id` of one record."""
    return f"{asset_id}/{version}"


def version_document(record: AssetRecord) -> Document:
    """A record as kept here: never searched, so without what searches need."""
    key = version_key(record.asset_id, record.version)
    return {**record_document(record), "_id": key, "asset_id": record.asset_id}


def version_record(document: Mapping[str, Any]) -> AssetRecord:
    """The record in a document. KeyError or msgspec.ValidationError if it is none of ours."""
    return record_of({**document, "_id": document["asset_id"]})
