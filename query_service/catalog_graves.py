"""What tombstones take out of the catalog: records in `versions`, and the current one in `assets`. I/O.

A tombstone of an asset covers its versions up to one; a tombstone of one version covers all records with its
bytes, and then the newest of the others becomes the asset. That spans three collections without a
transaction, by an order that every writer keeps:

    a writer of records writes `versions` (what it replaces, and by what), then `assets`, then reads the
    tombstones, and puts right what is covered of all these;
    a writer of tombstones writes the tombstone, then puts right what is covered;
    whoever puts an asset right looks again after each write, until nothing is left to do.

Whichever way two of them interleave, the later of the last looks sees all. Called by `catalog_writer`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from atoll.ids import version_id
from atoll.model import AssetRecord, Tombstone
from query_service.catalog_documents import Document, asset_document, replace_if_newer
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_fences import may_have_one
from query_service.catalog_records import keep
from query_service.catalog_version_documents import version_key, version_record
from query_service.mongo_driver import MongoDatabase

ROUNDS = 8  # each is one more writer that was faster
LIGHT = {"asset_id": 1, "version": 1, "content": 1}


class Grave(NamedTuple):
    """As much of a record as tombstones ask for."""

    asset_id: str
    version: str
    content: str

    @property
    def key(self) -> str:
        """The `_id` in `versions`."""
        return version_key(self.asset_id, self.version)


def grave_of(record: AssetRecord) -> Grave:
    """Where a record would lie."""
    return Grave(record.asset_id, record.version, record.content_version)


def grave_in(document: Document) -> Grave:
    """Of a document of `versions` or `assets`."""
    version: str = document["version"]
    asset_id: str = document.get("asset_id") or document["_id"]
    return Grave(asset_id, version, document.get("content") or version)


class Graves:
    """Looks up and removes."""

    def __init__(self, mongo: MongoDatabase) -> None:
        self._mongo = mongo

    async def covered(self, graves: Collection[Grave]) -> set[Grave]:
        """Those of them that a tombstone covers."""
        ids = {g.asset_id for g in graves} | {version_id(g.asset_id, g.content) for g in graves}
        if not ids:
            return set()
        found = self._mongo.collection("tombstones").find({"_id": {"$in": list(ids)}}, {"version": 1})
        stones = {stone["_id"]: stone["version"] for stone in await found.to_list(None)}
        return {
            g
            for g in graves
            if stones.get(g.asset_id, "") >= g.version or version_id(g.asset_id, g.content) in stones
        }

    async def bury(self, stones: Iterable[Tombstone]) -> None:
        """The tombstones are written: take out what they cover."""
        stones = list(stones)
        if not stones:
            return
        assets = {stone.of_asset for stone in stones}
        await self.remove_versions(await self.covered(await self._versions(assets)))
        await self.settle(assets)

    async def remove_versions(self, graves: Iterable[Grave]) -> None:
        """Take these records out of `versions`."""
        if keys := [grave.key for grave in graves]:
            await self._mongo.collection("versions").delete_many({"_id": {"$in": keys}})

    async def remove_fences(self, asset_ids: Iterable[str]) -> None:
        """Of assets that are gone."""
        if names := [name for name in asset_ids if may_have_one(name)]:
            await self._mongo.collection("fences").delete_many({"_id": {"$in": names}})

    async def settle(self, asset_ids: Collection[str]) -> None:
        """Make each asset's document the newest of its records that no tombstone covers."""
        left = set(asset_ids)
        for _ in range(ROUNDS):
            left = await self._settle_once(left)
            if not left:
                return
        raise CatalogUnavailable("Other writers were faster again and again.", retry_after=1)

    async def _settle_once(self, asset_ids: set[str]) -> set[str]:
        """One look and what follows from it; the assets that were changed."""
        current = {grave.asset_id: grave for grave in await self._current(asset_ids)}
        known = await self._versions(asset_ids)
        covered = await self.covered({*known, *current.values()})
        await self.remove_versions(covered.intersection(known))  # kept by somebody as they were covered
        changed = set()
        for asset_id in asset_ids:
            best = max((g for g in known if g.asset_id == asset_id and g not in covered), default=None)
            here = current.get(asset_id)
            if await self._mend(here, best, gone=here in covered):
                changed.add(asset_id)
        return changed

    async def _mend(self, here: Grave | None, best: Grave | None, *, gone: bool) -> bool:
        """Whether something was to be done. `gone`: what is here is covered."""
        if best is None:
            if here is not None and gone:
                await self._assets.delete_one({"_id": here.asset_id, "version": here.version})
                await self.remove_fences([here.asset_id])
            return here is not None and gone
        if here is not None and not gone and here.version >= best.version:
            return False
        document = await self._mongo.collection("versions").find_one({"_id": best.key})
        if document is not None:
            if here is not None and not gone:
                await self._keep(here)
            await self._take(asset_document(version_record(document)), here if gone else None)
        return True

    async def _keep(self, grave: Grave) -> None:
        """What lies in `assets` may be nowhere else."""
        document = await self._assets.find_one({"_id": grave.asset_id})
        if document is not None:
            await keep(self._mongo, document, {})

    async def _take(self, document: Document, instead_of: Grave | None) -> None:
        asset_id = document["_id"]
        if instead_of is not None:
            replace = [{"$replaceWith": {"$literal": document}}]
            await self._assets.update_one({"_id": asset_id, "version": instead_of.version}, replace)
        else:
            await self._assets.update_one({"_id": asset_id}, replace_if_newer(document), upsert=True)

    @property
    def _assets(self) -> Any:
        return self._mongo.collection("assets")

    async def _current(self, asset_ids: Collection[str]) -> list[Grave]:
        found = self._assets.find({"_id": {"$in": list(asset_ids)}}, LIGHT)
        return [grave_in(document) for document in await found.to_list(None)]

    async def _versions(self, asset_ids: Collection[str]) -> list[Grave]:
        found = self._mongo.collection("versions").find({"asset_id": {"$in": list(asset_ids)}}, LIGHT)
        return [grave_in(document) for document in await found.to_list(None)]
