"""Finding assets for the API: the lookup, minus what was deleted here a moment ago, plus what is on its way.

Owns two rules that no handler may forget: an asset this instance has deleted is not served, whatever a cache
or the catalog still says; and one whose upload was acknowledged is found, though the catalog may not have
heard of it (`arrivals`). Names are turned into the ids that follow from them. Refuses unknown assets with
`NotFound`. Called by all handlers that show or resolve assets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping

from atoll import names
from atoll.errors import NotFound
from atoll.ids import looks_generated, named_asset_id
from query_service.arrivals import Arrivals, Found
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_errors import CatalogUnavailable
from query_service.deletes import Departed
from query_service.lookup import Lookup, Sight

Key = str | tuple[str, str]  # an asset id, or bucket and public_id


class AssetFinder:
    """Assets by id or name. Raises `CatalogUnavailable` when no cache knows and MongoDB is away.

    `wait`: the seconds that a caller has for what is on its way; None: as long as the service has.
    """

    def __init__(self, lookup: Lookup, arrivals: Arrivals, departed: Departed) -> None:
        self._lookup, self._arrivals, self._departed = lookup, arrivals, departed

    def cached(self, asset_id: str) -> CatalogAsset | None:
        """The asset if memory has it; None says nothing."""
        return self.kept(self._lookup.cached(asset_id))

    async def get(self, asset_id: str, wait: float | None = None) -> CatalogAsset:
        """The asset with this id, or `NotFound`."""
        asset = await self._one(asset_id, wait)
        if asset is None:
            raise NotFound("There is no such asset.", asset_id=asset_id)
        return asset

    async def named(self, bucket: str, public_id: str, wait: float | None = None) -> CatalogAsset | None:
        """The asset with this name, or None; both names must have been checked."""
        return await self._one((bucket, public_id), wait)

    async def get_named(self, bucket: str, public_id: str, wait: float | None = None) -> CatalogAsset:
        """The asset with this name, as a client wrote it; `NotFound` or `BadName`."""
        bucket, public_id = names.check_bucket(bucket), names.check_public_id(public_id)
        asset = await self.named(bucket, public_id, wait)
        if asset is None:
            raise NotFound("There is no such asset.", bucket=bucket, public_id=public_id)
        return asset

    async def many(
        self, keys: Collection[Key], wait: float | None = None
    ) -> Mapping[Key, CatalogAsset | CatalogUnavailable]:
        """Those of the assets that exist, by id or name, with one catalog read for all that no cache has.

        With MongoDB away each asset is looked for in the caches alone, and those that are in none come
        as the error.
        """
        try:
            return await self._find(keys, wait)
        except CatalogUnavailable:
            answers = await asyncio.gather(*(self._answer(key) for key in keys))
            return {key: answer for key, answer in zip(keys, answers, strict=True) if answer is not None}

    def kept(self, asset: CatalogAsset | None) -> CatalogAsset | None:
        """The asset, unless it was deleted here."""
        return None if asset is None or self._departed.covers(asset.record) else asset

    async def _answer(self, key: Key) -> CatalogAsset | CatalogUnavailable | None:
        try:
            return await self._one(key, 0)
        except CatalogUnavailable as error:
            return error

    async def _one(self, key: Key, wait: float | None) -> CatalogAsset | None:
        ids = _ids_for(key)
        for asset_id in ids:
            if (asset := self.cached(asset_id)) is not None and _is_meant(asset, key):
                return asset
        if len(ids) > 1:
            return (await self._find([key], wait)).get(key)
        sight = await self._lookup.see(ids[0])  # nearly always, and much asked
        asset = self.kept(sight.asset)
        if asset is None and self._is_expected(ids[0], sight):
            expected = {ids[0]: sight.expected}
            asset = (await self._arrivals.wait(expected, self._look, wait)).get(ids[0])
        return asset if asset is not None and _is_meant(asset, key) else None

    async def _find(self, keys: Collection[Key], wait: float | None) -> dict[Key, CatalogAsset]:
        """Those that are there, now or when they were waited for, together."""
        ids = {key: _ids_for(key) for key in keys}
        seen = await self._look({asset_id for each in ids.values() for asset_id in each})
        found = _meant(ids, seen.assets)
        missing = {i for key, each in ids.items() if key not in found for i in each}
        expected = {i: word for i, word in seen.expected.items() if i in missing}
        if expected:
            found |= _meant(ids, await self._arrivals.wait(expected, self._look, wait))
        return found

    async def _look(self, asset_ids: Collection[str]) -> Found:
        """What memory has and was deleted here says nothing of what has come since."""
        assets = {i: asset for i in asset_ids if (asset := self.cached(i)) is not None}
        seen = await self._lookup.look(i for i in asset_ids if i not in assets)
        assets |= {i: asset for i, sight in seen.items() if (asset := self.kept(sight.asset)) is not None}
        missing = {i: sight for i, sight in seen.items() if i not in assets}
        expected = {i: sight.expected for i, sight in missing.items() if self._is_expected(i, sight)}
        return Found(assets, expected)

    def _is_expected(self, asset_id: str, sight: Sight) -> bool:
        """A generated id is uploaded once; a name that was deleted here may be uploaded again."""
        gone = looks_generated(asset_id) and self._departed.tombstone(asset_id) is not None
        return bool(sight.expected) and not gone


def _ids_for(key: Key) -> tuple[str, ...]:
    """The ids an asset can have. One that was uploaded without a name has its id for a name."""
    if isinstance(key, str):
        return (key,)
    named = named_asset_id(*key)
    return (key[1], named) if looks_generated(key[1]) else (named,)


def _is_meant(asset: CatalogAsset, key: Key) -> bool:
    return isinstance(key, str) or (asset.record.bucket, asset.record.public_id) == key


def _meant(ids: Mapping[Key, Iterable[str]], assets: Mapping[str, CatalogAsset]) -> dict[Key, CatalogAsset]:
    """The first of each key's assets that is the one meant."""
    return {
        key: meant[0]
        for key, each in ids.items()
        if (meant := [assets[i] for i in each if i in assets and _is_meant(assets[i], key)])
    }
