"""The shape of the catalog's documents, and the updates that bring them forward. Pure.

Three collections: `assets` (_id = asset id; the current version only), `locations` (_id = "bucket/sha256")
and `tombstones` (_id = asset id). Used by the catalog's files only.

Events come at least once and in any order, and two query services may write the same document at the same
moment. So every update here is a pipeline that the server runs atomically on one document found by `_id`
alone: it compares what it brings with what is there and keeps the greater. Applied in any order, any number
of times, the result is the maximum. The alternative, `{_id, version: {$lt}}` with upsert, was refused: each
older event then fails as a duplicate `_id`, which looks the same as losing a race against another writer and
must be told apart by reading again. With `_id` alone in the filter the server itself retries a lost upsert.

What only remembers that something is gone – a tombstone, the locations of a blob that no node holds – carries
`expires_at`, and MongoDB sweeps it then. It keeps late events from bringing back what was deleted; the nodes
keep theirs for ever, and a rebuild puts right what came later still.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from atoll.model import AssetRecord, Location, Picture, Tombstone
from atoll.repair_api import leaf_of_asset
from query_service.history_fields import history_fields
from query_service.search_fields import search_fields

Document = dict[str, Any]


_PICTURE = Picture.__struct_fields__  # what nobody looked for is not in the document


class Mark(NamedTuple):
    """A node held a blob at a time (its Unix milliseconds), or held it no more. The later is greater.

    Held wins a tie, which must fall the same way in every order. It is the safer mistake: a node that is
    asked for bytes it lacks fetches them from a peer, a node that is never asked helps nobody.
    """

    at: int
    held: bool
    region: str


def blob_key(bucket: str, sha256: str) -> str:
    """The `_id` of a blob's locations."""
    return f"{bucket}/{sha256}"


def asset_document(record: AssetRecord) -> Document:
    """A record as kept in `assets`, and what only searches need."""
    return {**record_document(record), **search_fields(record), **history_fields(record)}


def record_document(record: AssetRecord) -> Document:
    """A record as kept. Context is a list of pairs: keys may hold dots and dollars, and can be indexed.

    `leaf` is the asset's place in the nodes' trees: by it the catalog is compared with them.
    """
    blob = record.blob
    return {
        "_id": record.asset_id,
        "leaf": leaf_of_asset(record.asset_id),
        "bucket": record.bucket,
        "public_id": record.public_id,
        "version": record.version,
        "set": record.set,
        "blob": blob_key(record.bucket, blob.sha256),
        "ext": blob.ext,
        "size": blob.size,
        "frames": blob.picture.frames,
        **msgspec.to_builtins(blob.picture),
        "created_at": record.created_at,
        "tags": list(record.tags),
        "context": [{"k": key, "v": value} for key, value in sorted(record.context.items())],
        "filename": record.filename,
        "title": record.title,
        "alt": record.alt,
        "content": record.content,
        "by": record.by,
        "sent": record.sent,
    }


def record_of(document: Mapping[str, Any]) -> AssetRecord:
    """The record in a document of `assets`. KeyError or msgspec.ValidationError if it is none of ours."""
    bucket, _, sha256 = document["blob"].partition("/")
    picture = {key: document[key] for key in _PICTURE if key in document}
    blob = {"bucket": bucket, "sha256": sha256, "ext": document["ext"], "size": document["size"]}
    fields = {
        **document,
        "asset_id": document["_id"],
        "blob": {**blob, "picture": picture},
        "context": {pair["k"]: pair["v"] for pair in document["context"]},
    }
    return msgspec.convert(fields, AssetRecord)


def tombstone_document(tombstone: Tombstone, expires_at: datetime) -> Document:
    """A tombstone as kept, until then."""
    fields = msgspec.to_builtins(tombstone)
    return {"_id": fields.pop("asset_id"), **fields, "expires_at": expires_at}


def locations_of(document: Mapping[str, Any] | None) -> tuple[Location, ...]:
    """The nodes that hold the blob, by name. A node without `fsynced_at` held it once."""
    nodes: Mapping[str, Any] = document["nodes"] if document else {}
    held = ((node, fields) for node, fields in sorted(nodes.items()) if "fsynced_at" in fields)
    return tuple(msgspec.convert({"node": node, **fields}, Location) for node, fields in held)


def replace_if_newer(document: Document, *, or_equal: bool = False) -> list[Document]:
    """Becomes `document` unless the one there has the same (without `or_equal`) or a greater version."""
    compare = "$lte" if or_equal else "$lt"
    older = {compare: [{"$ifNull": ["$version", ""]}, document["version"]]}
    return [{"$replaceWith": {"$cond": [older, {"$literal": document}, "$$ROOT"]}}]


def take_marks(marks: Mapping[str, Mark], expires_at: datetime) -> list[Document]:
    """Takes the mark of each node that is later than the one there; kept until `expires_at` if none holds it.

    `$unset` would forget when a node let go of a blob, and an older "holds it" that comes late would bring it
    back; so a node that holds it no more keeps its entry, without `fsynced_at`.
    """
    taken = {f"nodes.{node}": _later(f"$nodes.{node}", mark) for node, mark in marks.items()}
    return [{"$set": taken}, {"$set": {"expires_at": _expiry(marks, expires_at)}}]


def first_marks(key: str, marks: Mapping[str, Mark], expires_at: datetime) -> Document:
    """What `take_marks` makes of nothing."""
    document: Document = {"_id": key, "nodes": {node: _entry(mark) for node, mark in marks.items()}}
    if not any(mark.held for mark in marks.values()):
        document["expires_at"] = expires_at
    return document


def _entry(mark: Mark) -> Document:
    entry: Document = {"region": mark.region, "at": mark.at}
    if mark.held:
        entry |= {"fsynced_at": mark.at, "verified_at": mark.at}
    return entry


def _expiry(marks: Mapping[str, Mark], expires_at: datetime) -> Document:
    """Looks at all nodes only when one has let go: that is rare, and dear with many nodes."""
    if all(mark.held for mark in marks.values()):
        held: Document = {"$or": [_holds(f"$nodes.{node}") for node in marks]}
        return {"$cond": [held, "$$REMOVE", "$expires_at"]}
    nodes = {"$objectToArray": "$nodes"}
    any_held = {"$or": ["$$value", _holds("$$this.v")]}
    held = {"$reduce": {"input": nodes, "initialValue": False, "in": any_held}}
    return {"$cond": [held, "$$REMOVE", expires_at]}


def _holds(path: str) -> Document:
    return {"$gte": [f"{path}.fsynced_at", 0]}  # what is not there is less than any number


def _later(path: str, mark: Mark) -> Document:
    # What is there goes if it is as old and we hold, or older; without an entry anything is later.
    compare = "$lte" if mark.held else "$lt"
    later = {compare: [{"$ifNull": [f"{path}.at", -1]}, mark.at]}
    return {"$cond": [later, {"$literal": _entry(mark)}, path]}
