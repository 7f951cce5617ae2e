"""What a program asks about versions and names: list, show, go back, delete one, rename, copy.

A part of `AsyncClient` that moves no image byte; every method raises `AtollError` classes. An asset is meant
by its id or as `BUCKET/PUBLIC_ID`. What this client has uploaded a moment ago is waited for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from atoll.client.own_uploads import OwnUploads
from atoll.client.query import QueryServices
from atoll.client.reference import parse_reference
from atoll.client.resolving import id_segment
from atoll.client.version_views import DeletedVersion, VersionPage, VersionView
from atoll.client.views import Resolved
from atoll.errors import AlreadyExists, NotFound
from atoll.ids import named_asset_id
from atoll.names import check_public_id
from atoll.node_api import AssetView

T = TypeVar("T")

PAGE = 500


class VersionCalls:
    """Asks `query`; `own` knows what the catalog may not know yet."""

    def __init__(self, query: QueryServices, own: OwnUploads) -> None:
        self._query, self._own = query, own

    async def versions(self, reference: str, *, limit: int | None = None) -> AsyncIterator[VersionView]:
        """The versions of an asset, newest first, at most `limit`; `NotFound`."""
        asset_id, cursor, left = parse_reference(reference).asset(), None, limit
        while left is None or left > 0:
            params = {"limit": str(PAGE if left is None else min(left, PAGE))}
            params |= {"cursor": cursor} if cursor is not None else {}
            page = await self._versions_page(asset_id, params)
            for version in page.versions[:left]:
                yield version
            left = None if left is None else left - len(page.versions)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def _versions_page(self, asset_id: str, params: dict[str, str]) -> VersionPage:
        path = f"/v1/assets/{id_segment(asset_id)}/versions"

        async def ask() -> VersionPage:
            page = await self._query.call("GET", path, VersionPage, params=params)
            if "cursor" not in params and self._own.lacked_by(asset_id, page.versions):
                raise NotFound("The version uploaded a moment ago is not in the catalog yet.")
            return page

        return await self._own.known(asset_id, ask)

    async def version(self, reference: str, version: str) -> VersionView:
        """One version of an asset; `NotFound`."""
        return await self._about("GET", reference, f"versions/{id_segment(version)}", VersionView)

    async def version_url(
        self, reference: str, version: str, *, transformation: str | None = None
    ) -> Resolved:
        """Where a version is, or what a transformation makes of it; signed where the bucket is private."""
        params = {} if transformation is None else {"t": transformation}
        asset_id = parse_reference(reference).asset()
        path = f"/v1/assets/{id_segment(asset_id)}/versions/{id_segment(version)}/url"
        return await self._own.known(asset_id, lambda: self._query.call("GET", path, Resolved, params=params))

    async def delete_version(self, reference: str, version: str) -> DeletedVersion:
        """Delete one version for good: no restore. If it was the current one, the one before it is."""
        lost: list[bool] = []
        asset_id = parse_reference(reference).asset()
        self._own.forget(asset_id)
        path = f"/v1/assets/{id_segment(asset_id)}/versions/{id_segment(version)}"
        try:
            return await self._query.call("DELETE", path, DeletedVersion, lost=lambda: lost.append(True))
        except NotFound:
            if not lost:
                raise
            return DeletedVersion(asset_id, version)  # done by the try whose answer was lost

    async def rollback(self, reference: str, version: str) -> AssetView:
        """Go back to a version: it is repeated as a new one, which is returned."""
        asset = await self._about("POST", reference, "rollback", AssetView, {"version": version})
        self._own.uploaded(asset)
        return asset

    async def rename(self, reference: str, public_id: str, *, overwrite: bool = False) -> AssetView:
        """Give an asset and its versions another name in its bucket; `AlreadyExists` without `overwrite`."""
        asset = await self._under_name(reference, "rename", public_id, {"overwrite": overwrite})
        self._own.forget(parse_reference(reference).asset())
        return asset

    async def copy(
        self, reference: str, public_id: str, *, version: str | None = None, overwrite: bool = False
    ) -> AssetView:
        """Copy an asset, or a version of it, to another name in its bucket; `AlreadyExists` without
        `overwrite`. No image byte is moved."""
        chosen = {} if version is None else {"version": version}
        return await self._under_name(reference, "copy", public_id, {"overwrite": overwrite, **chosen})

    async def _under_name(self, reference: str, verb: str, public_id: str, body: dict[str, Any]) -> AssetView:
        """The asset under the other name, also when a try whose answer was lost has done it."""
        what, lost = parse_reference(reference), list[bool]()
        named = {"public_id": check_public_id(public_id), **body}
        path = f"/v1/assets/{id_segment(what.asset())}/{verb}"

        async def ask() -> AssetView:
            try:
                return await self._query.call(
                    "POST", path, AssetView, body=named, lost=lambda: lost.append(True)
                )
            except (AlreadyExists, NotFound):
                if not lost or what.bucket is None:
                    raise
                there = named_asset_id(what.bucket, named["public_id"])
                return await self._query.call("GET", f"/v1/assets/{there}", AssetView)

        asset = await self._own.known(what.asset(), ask)
        self._own.uploaded(asset)
        return asset

    async def _about(self, method: str, reference: str, path: str, kind: type[T], body: object = None) -> T:
        asset_id = parse_reference(reference).asset()
        whole = f"/v1/assets/{id_segment(asset_id)}/{path}"
        return await self._own.known(asset_id, lambda: self._query.call(method, whole, kind, body=body))
