"""The assets that an edit is about, as the catalog has them now: sets, versions, the name aimed at. I/O.

Never from a cache: an older record may name another set. What the catalog does not know is asked of the
nodes, as by a delete: an image may be edited as soon as its upload was answered. Refuses what the key does
not reach, as an id that nobody knows, and a name outside its grammar or reach.
"""

from __future__ import annotations

from aiohttp import web

from atoll import names
from atoll.asset_edits import Target
from atoll.errors import AlreadyExists, BadName, BadRequest, NotFound
from atoll.ids import looks_generated, named_asset_id
from atoll.model import AssetRecord
from query_service.asset_finder import AssetFinder
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.key_reach import check_found, check_found_by, check_name, limited_key
from query_service.node_records import NodeRecords


class EditSubjects:
    """Finds them. `CatalogUnavailable` without MongoDB."""

    def __init__(self, catalog: Catalog, finder: AssetFinder, records: NodeRecords) -> None:
        self._catalog, self._finder, self._records = catalog, finder, records

    async def asset(self, request: web.Request, asset_id: str) -> CatalogAsset:
        """The asset; `NotFound` when there is none in reach."""
        asset = self._finder.kept(await self._catalog.asset(asset_id))
        if asset is None:
            asset = self._finder.kept(CatalogAsset(await self._records.current(asset_id)))
        if asset is None:
            raise NotFound("There is no such asset.", asset_id=asset_id)
        check_found(request, asset.record)
        return asset

    async def renamed(self, request: web.Request, asset_id: str, public_id: str) -> CatalogAsset:
        """What an asset that is gone was renamed to, if that was `public_id`: its rename is being repeated.

        `NotFound` otherwise, also when its newest tombstone is another's or that name is gone as well.
        """
        stone = await self._records.tombstone(asset_id)
        check_found_by(limited_key(request), asset_id, [(stone.bucket, stone.public_id)])
        if stone.moved_to != named_asset_id(stone.bucket, checked_new_name(public_id)):
            raise NotFound("There is no such asset.", asset_id=asset_id)
        check_name(request, stone.bucket, public_id)
        return await self.asset(request, stone.moved_to)

    async def version(self, request: web.Request, asset: CatalogAsset, version: str) -> CatalogAsset:
        """One of its versions, as last described."""
        record = asset.record
        found = await self._catalog.version(record.asset_id, version)
        if found is None:
            raise NotFound(
                "There is no such version of this asset.", asset_id=record.asset_id, version=version
            )
        check_found(request, found[0].record)
        return found[0]

    async def target(
        self, request: web.Request, source: AssetRecord, public_id: str, *, overwrite: bool
    ) -> Target:
        """The name aimed at; `AlreadyExists` when the catalog knows that it is taken."""
        check_name(request, source.bucket, public_id)
        public_id = checked_new_name(public_id)
        asset_id = named_asset_id(source.bucket, public_id)
        if asset_id == source.asset_id:
            raise BadRequest("The asset has this name already.", parameter="public_id")
        there = self._finder.kept(await self._catalog.asset(asset_id))
        if there is not None and not overwrite:
            raise AlreadyExists(
                "There is an asset of this name already. Say overwrite=true to give it a new version.",
                bucket=source.bucket,
                public_id=public_id,
            )
        return Target(asset_id, public_id, there.record.version if there else None)


def checked_new_name(public_id: str) -> str:
    """A name that an asset may be given, in the form it is kept in."""
    if looks_generated(public_id):
        raise BadName(
            "public_id has the form of a generated id, which names an asset of its own.",
            name="public_id",
            got=public_id,
        )
    return names.check_public_id(public_id)
