"""The catalog's indexes: which question each one answers. Made at start, by name, as often as one likes.

Designed for real MongoDB, where each answers its query whole. Look-ups by asset id and by blob need none:
they are by `_id`.
"""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import OperationFailure

from query_service.mongo_driver import MongoDatabase, settled

# MongoDB deletes what has an `expires_at` that is past, and leaves alone what has none
_swept = IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=0)


def _search(name: str, *keys: str) -> IndexModel:
    return IndexModel([(key, ASCENDING) for key in ("bucket", *keys)], name=name)


INDEXES: dict[str, list[IndexModel]] = {
    "assets": [
        # one asset per name; and a bucket's listing in order, from any prefix and cursor
        IndexModel([("bucket", ASCENDING), ("public_id", ASCENDING)], name="bucket_public_id", unique=True),
        # which assets look different when a blob arrives at a node or leaves it
        IndexModel([("blob", ASCENDING)], name="blob"),
        # a branch of a set's assets, to be compared with the nodes
        IndexModel([("set", ASCENDING), ("leaf", ASCENDING)], name="set_leaf"),
        # searches, each in its order: see search_plan
        _search("bucket_terms_public_id", "terms", "public_id"),
        _search("bucket_terms_created_at", "terms", "by_created"),
        _search("bucket_bytes", "by_bytes"),
        _search("bucket_width", "by_width"),
        _search("bucket_height", "by_height"),
        _search("bucket_words_created", "words", "by_created"),
        # what a key, or a session of its application, uploaded lately: see history_fields
        IndexModel([("key_at", ASCENDING)], name="by_key", sparse=True),
        IndexModel([("by_at", ASCENDING)], name="by_session", sparse=True),
    ],
    # places where a walk of the assets can be cut: see catalog_fences
    "fences": [IndexModel([("at", ASCENDING)], name="at")],
    "versions": [
        # an asset's records, newest first
        IndexModel([("asset_id", ASCENDING), ("version", DESCENDING)], name="asset_version"),
        # a branch of a set's records, to be compared with the nodes
        IndexModel([("set", ASCENDING), ("leaf", ASCENDING)], name="set_leaf"),
    ],
    "locations": [_swept],
    "tombstones": [_swept],
    "hook_deliveries": [
        # what is to be sent now; and an endpoint's log, the newest first
        IndexModel([("state", ASCENDING), ("next_at", ASCENDING)], name="state_next"),
        IndexModel([("hook", ASCENDING), ("order", DESCENDING)], name="hook_order"),
        _swept,
    ],
    "jobs": [
        # a page of jobs, the newest first, of a bucket or of an API key
        IndexModel([("bucket", ASCENDING), ("_id", DESCENDING)], name="bucket_id"),
        IndexModel([("by", ASCENDING), ("_id", DESCENDING)], name="by_id"),
        # which jobs are to be looked at: has anything been heard of them?
        IndexModel([("watch_at", ASCENDING)], name="watch_at", sparse=True),
        _swept,
    ],
}


# What older Atolls made. Each index costs every upload some time.
OBSOLETE = {"assets": ("bucket_terms_bytes", "by_at", "key_at")}
_INDEX_NOT_FOUND = 27


async def ensure_indexes(mongo: MongoDatabase) -> None:
    """Make what is missing. An index of the same name with other keys is an error: somebody must decide."""
    for name, indexes in INDEXES.items():
        if indexes:
            await mongo.collection(name).create_indexes(indexes)
    for name, obsolete in OBSOLETE.items():
        for index in (await index_names(mongo, name)).intersection(obsolete):
            await _drop(mongo, name, index)


async def _drop(mongo: MongoDatabase, collection: str, index: str) -> None:
    try:
        await mongo.collection(collection).drop_index(index)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:  # another query service was faster
            raise


async def index_names(mongo: MongoDatabase, collection: str) -> set[str]:
    """The indexes that a collection has."""
    cursor: Any = await settled(mongo.collection(collection).list_indexes())
    return {index["name"] async for index in cursor}
