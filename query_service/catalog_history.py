"""The history of an asset, and what of it lies in a branch of the nodes' trees. I/O.

The current record is in `assets`, those before it are in `versions`; some are in both. Whoever replaces one
writes `versions` first, so here `assets` is read first: what moves meanwhile is seen in one of them, or both.
Part of `Catalog`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import msgspec
from msgspec import Struct

from atoll.model import Location
from atoll.repair_api import FAN_OUT
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_documents import Document
from query_service.catalog_graves import LIGHT, Grave, grave_in
from query_service.catalog_version_documents import version_record
from query_service.mongo_driver import MongoDatabase

log = logging.getLogger(__name__)

MOST_LOOKED_AT = 10_000  # documents, to find out where there is nothing


class VersionPage(Struct, frozen=True):
    """Versions of an asset, newest first; `current` is the one that is shown under its name.

    `next_after`: the version behind which the next page begins; None on the last one.
    """

    versions: tuple[CatalogAsset, ...]
    current: str
    next_after: str | None = None


class _Entry(NamedTuple):
    """A version as people count them: the record that describes it last."""

    content: str
    key: str


class History:
    """The reading of versions."""

    _mongo: MongoDatabase

    def _reading(self) -> AbstractAsyncContextManager[None]:
        """A read's deadline and circuit: Catalog's."""
        raise NotImplementedError

    async def _locations(self, keys: Collection[str]) -> dict[str, tuple[Location, ...]]:
        """Who holds these blobs: Catalog's."""
        raise NotImplementedError

    async def versions(self, asset_id: str, after: str | None, limit: int) -> VersionPage | None:
        """Up to `limit` versions older than `after`; None when there is no such asset."""
        async with self._reading():
            graves = await self._records_of(asset_id)
            if not graves:
                return None
            entries = [e for e in _entries(graves) if after is None or e.content < after]
            found = await self._shown(asset_id, [entry.key for entry in entries[:limit]])
        more = entries[limit - 1].content if len(entries) > limit else None
        return VersionPage(tuple(found), max(graves, key=lambda g: g.version).content, more)

    async def version(self, asset_id: str, version: str) -> tuple[CatalogAsset, str] | None:
        """A version as last described, and which one is current; `version` may name any of its records."""
        async with self._reading():
            graves = await self._records_of(asset_id)
            content = next((g.content for g in graves if version in (g.version, g.content)), None)
            entry = next((e for e in _entries(graves) if e.content == content), None)
            if entry is None:
                return None
            found = await self._shown(asset_id, [entry.key])
        return (found[0], max(graves, key=lambda g: g.version).content) if found else None

    async def sets_of(self, asset_id: str) -> Mapping[str, str]:
        """The sets that hold records of an asset, each with the newest version there."""
        sets: dict[str, str] = {}
        async with self._reading():
            for collection, query in (("assets", {"_id": asset_id}), ("versions", {"asset_id": asset_id})):
                found = self._mongo.collection(collection).find(query, {"set": 1, "version": 1})
                for document in await found.to_list(None):
                    known = sets.get(document["set"], "")
                    sets[document["set"]] = max(known, document["version"])
        return sets

    async def versions_in_leaves(self, set_name: str, leaves: range) -> set[str]:
        """The records of a set whose place in the nodes' trees is in these leaves, by `version_key`."""
        window = {"$gte": leaves.start, "$lt": leaves.stop}
        keys: set[str] = set()
        async with self._reading():
            for collection in ("assets", "versions"):
                found = self._mongo.collection(collection).find({"set": set_name, "leaf": window}, LIGHT)
                keys |= {grave_in(document).key for document in await found.to_list(None)}
        return keys

    async def branches_of(self, set_name: str) -> set[int]:
        """The branches of the nodes' trees in which the catalog has something of a set; all of them when it
        has so much that nobody wants to look."""
        found: set[int] = set()
        async with self._reading():
            for collection in map(self._mongo.collection, ("assets", "versions")):
                if await collection.estimated_document_count() > MOST_LOOKED_AT:
                    return set(range(FAN_OUT))
                documents = await collection.find({"set": set_name}, {"leaf": 1}).to_list(None)
                found |= {document["leaf"] // FAN_OUT for document in documents}
        return found

    async def _records_of(self, asset_id: str) -> list[Grave]:
        current = await self._mongo.collection("assets").find_one({"_id": asset_id}, LIGHT)
        found = await self._mongo.collection("versions").find({"asset_id": asset_id}, LIGHT).to_list(None)
        return list({grave_in(document) for document in (*found, *([current] if current else ()))})

    async def _shown(self, asset_id: str, keys: list[str]) -> list[CatalogAsset]:
        """These records with their locations, in this order; one that cannot be read is left out."""
        if not keys:
            return []
        current = await self._mongo.collection("assets").find_one({"_id": asset_id})
        found = await self._mongo.collection("versions").find({"_id": {"$in": keys}}).to_list(None)
        documents: dict[str, Document] = {document["_id"]: document for document in found}
        if current is not None:
            documents.setdefault(grave_in(current).key, {**current, "asset_id": asset_id})
        shown = [documents[key] for key in keys if key in documents]
        locations = await self._locations({document["blob"] for document in shown})
        return list(_readable(shown, locations))


def _entries(graves: Iterable[Grave]) -> list[_Entry]:
    """The versions, newest first."""
    latest: dict[str, Grave] = {}
    for grave in sorted(graves, key=lambda g: g.version):
        latest[grave.content] = grave
    return [_Entry(content, latest[content].key) for content in sorted(latest, reverse=True)]


def _readable(
    documents: Iterable[Document], locations: Mapping[str, tuple[Location, ...]]
) -> Iterable[CatalogAsset]:
    for document in documents:
        try:
            yield CatalogAsset(version_record(document), locations.get(document["blob"], ()))
        except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
            log.error("the catalog's document of version %s is unreadable: %r", document.get("_id"), error)
