"""Fences: places in each order of the assets, so that a walk can be cut into windows of some hundred. Pure.

MongoDB reads as much of an index as a page needs. The stand-in reads and sorts all that fits before it looks
at the limit: the first fifty of a bucket cost it the whole bucket. So one asset in `EVERY` has, for each
order, a fence – the order, the bucket and its own sort key, in one string – in the collection `fences`, and
a page asks first where the next fences are, then for what lies before them (`catalog_walks`).

Which assets have one follows from their ids; no asset has two, and the `_id` of a fence is its asset's. A
fence says nothing but where to cut: one whose asset has moved or is gone is as good as any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atoll.repair_api import leaf_of_asset

Document = dict[str, Any]

EVERY = 256
# The fields that listings and searches are sorted by; the last two hold no bucket.
ORDERS = ("public_id", "by_created", "by_bytes", "by_width", "by_height", "by_at", "key_at")


def fence_of(document: Mapping[str, Any]) -> Document | None:
    """The fence of a document of `assets`, if it has one."""
    number = document["leaf"] % EVERY
    if number >= len(ORDERS) or ORDERS[number] not in document:
        return None
    order = ORDERS[number]
    bucket = "" if order.endswith("_at") else document["bucket"]
    return {"_id": document["_id"], "at": f"{_rail(order, bucket)}{document[order]}"}


def may_have_one(asset_id: str) -> bool:
    """Whether there may be a fence with this `_id`."""
    return leaf_of_asset(asset_id) % EVERY < len(ORDERS)


def fences_in(query: Mapping[str, Any], key: str) -> Document:
    """The query for the fences of a walk in the order of `key`, within its window."""
    rail, window = rail_of(query, key), query[key]
    low = window.get("$gt", window.get("$gte", ""))
    high = window.get("$lt", window.get("$lte"))
    return {"at": {"$gt": rail + low, "$lt": rail[:-1] + "\x0b" if high is None else rail + high}}


def rail_of(query: Mapping[str, Any], key: str) -> str:
    """What all fences of this walk begin with."""
    return _rail(key, query.get("bucket", ""))


def _rail(order: str, bucket: str) -> str:
    return f"{order}\n{bucket}\n"  # no bucket has a line feed in its name, and \x0b is what follows it
