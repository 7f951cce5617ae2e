"""Looking assets up: this process's memory, then Redis, then the catalog. Signatures first.

Called by the resolver and by whoever needs an asset by id or name. A missing asset is never remembered: a
picture that was uploaded a moment ago must appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from query_service.catalog_asset import CatalogAsset


class Lookup:
    """Assets by id or name, from the nearest place that knows them.

    All methods raise `CatalogUnavailable` (503) when the answer is in no cache and MongoDB does not answer.
    """

    def cached(self, asset_id: str) -> CatalogAsset | None:
        """The asset if this process has it in memory: no I/O, no await. None says nothing about the asset."""
        raise NotImplementedError

    async def asset(self, asset_id: str) -> CatalogAsset | None:
        """The asset with this id, or None."""
        raise NotImplementedError

    async def by_name(self, bucket: str, public_id: str) -> CatalogAsset | None:
        """The asset with this name in this bucket, or None. Handles generated ids used as names too."""
        raise NotImplementedError

    async def many(self, asset_ids: Iterable[str]) -> Mapping[str, CatalogAsset]:
        """Those of the assets that exist, by id (up to 1,000 at once; one catalog read for all misses)."""
        raise NotImplementedError

    async def many_by_name(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], CatalogAsset]:
        """Those of the assets that exist, by (bucket, public_id)."""
        raise NotImplementedError
