"""What a program asks about assets: show, list, delete, locations. I/O through the query services.

The part of `AsyncClient` that moves no image byte; every method raises `AtollError` classes. What this
client has uploaded itself is there at once (`own_uploads`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from atoll.client.own_uploads import OwnUploads
from atoll.client.query import QueryServices
from atoll.client.reference import Reference, parse_reference
from atoll.client.replication import wait_replicated
from atoll.client.resolving import id_segment
from atoll.client.views import AssetPage, Deleted, Locations
from atoll.errors import NotFound
from atoll.names import check_bucket, check_public_id
from atoll.node_api import AssetView

PAGE = 500

_Lost = list[bool]  # inside the class, `list` is the method


class AssetCalls:
    """Asks `query`; `own` knows what the catalog may not know yet."""

    def __init__(self, query: QueryServices, own: OwnUploads) -> None:
        self._query, self._own = query, own

    async def asset(self, asset_id: str) -> AssetView:
        """The asset with its locations; `NotFound`."""
        path = f"/v1/assets/{id_segment(asset_id)}"
        return await self._own.known(asset_id, lambda: self._query.call("GET", path, AssetView))

    async def asset_by_name(self, bucket: str, public_id: str) -> AssetView:
        """The asset of that name with its locations; `NotFound`, `BadName`."""
        path = f"/v1/assets/by-name/{check_bucket(bucket)}/{quote(check_public_id(public_id))}"
        asset_id = Reference(bucket=bucket, public_id=public_id).asset()
        return await self._own.known(asset_id, lambda: self._query.call("GET", path, AssetView))

    async def list(self, bucket: str, prefix: str = "", limit: int | None = None) -> AsyncIterator[AssetView]:
        """The assets of a bucket whose public_id starts with `prefix`, by public_id; at most `limit`."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            page = await self._page(check_bucket(bucket), prefix, PAGE if left is None else left, cursor)
            for asset in page.assets[:left]:
                yield asset
            left = None if left is None else left - len(page.assets)
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    async def _page(self, bucket: str, prefix: str, limit: int, cursor: str | None) -> AssetPage:
        params = {"bucket": bucket, "limit": str(min(limit, PAGE))}
        params |= {"prefix": prefix} if prefix else {}
        params |= {"cursor": cursor} if cursor is not None else {}
        return await self._query.call("GET", "/v1/assets", AssetPage, params=params)

    async def delete(
        self, reference: str, *, bucket: str | None = None, trash_seconds: int | None = None
    ) -> Deleted:
        """Delete an asset, by its id or as `BUCKET/PUBLIC_ID`; `NotFound` when there is none.

        By name it works while the catalog is down. It can be restored for `trash_seconds` (None: as long as
        the nodes are set to keep it; 0: not at all, its bytes are erased at once).
        """
        what = parse_reference(reference, bucket)
        deleted = await self._own.known(what.asset(), lambda: self._delete(what, trash_seconds))
        self._own.forget(deleted.asset_id)
        return deleted

    async def _delete(self, what: Reference, trash_seconds: int | None) -> Deleted:
        lost: _Lost = []
        params = what.item() if what.public_id is not None else {}
        params |= {} if trash_seconds is None else {"trash_seconds": str(trash_seconds)}
        try:
            return await self._query.call(
                "DELETE",
                f"/v1/assets/{id_segment(what.asset())}",
                Deleted,
                params=params,
                lost=lambda: lost.append(True),
            )
        except NotFound:
            if not lost:
                raise
            return Deleted(what.asset())  # done by the try whose answer was lost

    async def locations(self, asset_id: str) -> Locations:
        """Which nodes hold the asset's blob, and which should; `NotFound`."""
        path = f"/v1/assets/{id_segment(asset_id)}/locations"
        return await self._own.known(asset_id, lambda: self._query.call("GET", path, Locations))

    async def wait_replicated(
        self, asset_id: str, regions: int | None = None, timeout: float = 60.0, *, version: str = ""
    ) -> Locations:
        """Wait until the asset, of this `version` or a later one, is in `regions` regions (None: on all
        nodes of its set).

        Raises `NotReplicatedYet` with what is confirmed and missing after `timeout` seconds.
        """
        return await wait_replicated(lambda: self.locations(asset_id), regions, timeout, version=version)
