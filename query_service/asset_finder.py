"""Finding assets for the API: the lookup, minus what was deleted here a moment ago.

Owns the one rule that no handler may forget: an asset this instance has deleted is not served, whatever a
cache or the catalog still says. Refuses unknown assets with `NotFound`. Called by all handlers that show
or resolve assets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from atoll import names
from atoll.errors import NotFound
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_errors import CatalogUnavailable
from query_service.deletes import Departed
from query_service.lookup import Lookup

Key = str | tuple[str, str]  # an asset id, or bucket and public_id


class AssetFinder:
    """Assets by id or name. Raises `CatalogUnavailable` when no cache knows and MongoDB is away."""

    def __init__(self, lookup: Lookup, departed: Departed) -> None:
        self._lookup, self._departed = lookup, departed

    def cached(self, asset_id: str) -> CatalogAsset | None:
        """The asset if memory has it; None says nothing."""
        asset = self._lookup.cached(asset_id)
        return None if asset is None or self._departed.covers(asset.record) else asset

    async def get(self, asset_id: str) -> CatalogAsset:
        """The asset with this id, or `NotFound`."""
        asset = self.kept(await self._lookup.asset(asset_id))
        if asset is None:
            raise NotFound("There is no such asset.", asset_id=asset_id)
        return asset

    async def named(self, bucket: str, public_id: str, *, patient: bool = True) -> CatalogAsset | None:
        """The asset with this name, or None; both names must have been checked. `patient`: see `Lookup`."""
        return self.kept(await self._lookup.by_name(bucket, public_id, patient=patient))

    async def get_named(self, bucket: str, public_id: str) -> CatalogAsset:
        """The asset with this name, as a client wrote it; `NotFound` or `BadName`."""
        bucket, public_id = names.check_bucket(bucket), names.check_public_id(public_id)
        asset = await self.named(bucket, public_id)
        if asset is None:
            raise NotFound("There is no such asset.", bucket=bucket, public_id=public_id)
        return asset

    async def many(self, keys: Collection[Key]) -> Mapping[Key, CatalogAsset | CatalogUnavailable]:
        """Those of the assets that exist, by id or name, with one catalog read for all that no cache has.

        With MongoDB away each asset is looked for in the caches alone, and those that are in none come
        as the error.
        """
        ids = [key for key in keys if isinstance(key, str)]
        pairs = [key for key in keys if not isinstance(key, str)]
        found: dict[Key, CatalogAsset | CatalogUnavailable] = {}
        try:
            if ids:
                found.update((await self._lookup.many(ids)).items())
            if pairs:
                found.update((await self._lookup.many_by_name(pairs)).items())
        except CatalogUnavailable:
            found = await self._one_by_one(keys)
        return {key: asset for key, asset in found.items() if not self._is_gone(asset)}

    async def _one_by_one(self, keys: Collection[Key]) -> dict[Key, CatalogAsset | CatalogUnavailable]:
        answers = await asyncio.gather(*(self._one(key) for key in keys))
        return {key: answer for key, answer in zip(keys, answers, strict=True) if answer is not None}

    async def _one(self, key: Key) -> CatalogAsset | CatalogUnavailable | None:
        try:
            return await (self._lookup.asset(key) if isinstance(key, str) else self._lookup.by_name(*key))
        except CatalogUnavailable as error:
            return error

    def _is_gone(self, asset: CatalogAsset | CatalogUnavailable) -> bool:
        return isinstance(asset, CatalogAsset) and self._departed.covers(asset.record)

    def kept(self, asset: CatalogAsset | None) -> CatalogAsset | None:
        """The asset, unless it was deleted here."""
        return None if asset is None or self._departed.covers(asset.record) else asset
