"""One asset: where to get it, what is known of it, who holds it, and its delete.

Owns the routes /v1/assets/{asset_id}…; the listing is in listing_api.py, the upload in uploads_api.py.
`…/url` is the hot path: an asset that is in memory is answered without waiting for anything.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET

from atoll.http import json_response
from atoll.node_api import MAX_TRASH_SECONDS
from query_service.asset_finder import AssetFinder
from query_service.asset_views import shown
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable
from query_service.clients import PARAMETERS, Clients
from query_service.cluster_view import Views
from query_service.deletes import Deleter
from query_service.key_reach import check_found, check_name, limited_key, uploader_of
from query_service.query_input import asset_id_of, check_query, needed, wait_of, whole_number
from query_service.render_log import RenderLog
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.wire import DeletedView, Resolved

_NAME = frozenset({"bucket", "public_id"})
_URL = PARAMETERS | {"t", "session"}
_DELETE = _NAME | {"trash_seconds"}


class AssetsApi:
    """Reads one asset for a client."""

    def __init__(
        self,
        finder: AssetFinder,
        resolver: Resolver,
        clients: Clients,
        views: Views,
        renders: RenderLog,
    ) -> None:
        self._finder, self._resolver, self._clients, self._views = finder, resolver, clients, views
        self._renders = renders

    def routes(self) -> list[Route]:
        """The hottest first: they are tried in this order."""
        return [
            Route(
                "GET",
                "/v1/assets/{asset_id}/url",
                "read",
                self.url,
                reach="inside",
                at_once=self.url_at_once,
            ),
            Route("GET", "/v1/assets/{asset_id}", "read", self.show, reach="inside"),
            Route("GET", "/v1/assets/{asset_id}/locations", "read", self.locations, reach="inside"),
            Route(
                "GET", "/v1/assets/by-name/{bucket}/{public_id:.+}", "read", self.show_named, reach="inside"
            ),
        ]

    def url_at_once(self, request: web.Request, asset_id: str) -> Resolved | None:
        """The same to a request without a query, from a key without limits, if the asset is in memory."""
        asset = self._finder.cached(asset_id)
        return None if asset is None else self._resolver.asset(asset, self._clients.of(request))

    async def url(self, request: web.Request) -> web.Response:
        """Where to get the image, or with `t` what that makes of it, best node first."""
        text = None
        if request.query_string:
            check_query(request, _URL)
            text = request.query.get("t")
        client = self._clients.of(request)
        asset = self._finder.cached(request.match_info["asset_id"])
        if asset is None:
            asset = await self._finder.get(asset_id_of(request), wait_of(request))
        answer = self._resolver.asset(asset, client, text)
        if answer.transformation is not UNSET:
            by = uploader_of(request, request.query.get("session"))
            self._renders.note(by, asset.record.asset_id, answer.transformation)
        return json_response(answer)

    async def show(self, request: web.Request) -> web.Response:
        """What is known of an asset, by id."""
        check_query(request, PARAMETERS)
        client = self._clients.of(request)
        asset = await self._finder.get(asset_id_of(request), wait_of(request))
        return json_response(shown(asset, self._resolver, client))

    async def show_named(self, request: web.Request) -> web.Response:
        """The same, by name."""
        check_query(request, PARAMETERS)
        client = self._clients.of(request)
        name = request.match_info
        check_name(request, name["bucket"], name["public_id"])
        asset = await self._finder.get_named(name["bucket"], name["public_id"], wait_of(request))
        return json_response(shown(asset, self._resolver, client))

    async def locations(self, request: web.Request) -> web.Response:
        """Who holds the bytes, confirmed, and who should."""
        check_query(request, ())
        asset = await self._finder.get(asset_id_of(request), wait_of(request))
        check_found(request, asset.record)
        members = self._views.current().cluster.members(asset.record.set)
        return json_response(
            {
                "version": asset.record.version,
                "sha256": asset.record.blob.sha256,
                "locations": asset.locations,
                "expected": [node.name for node in members],
            }
        )


class DeletesApi:
    """Deletes one asset."""

    def __init__(self, catalog: Catalog, finder: AssetFinder, deleter: Deleter) -> None:
        self._catalog, self._finder, self._deleter = catalog, finder, deleter

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("DELETE", "/v1/assets/{asset_id}", "delete", self.delete, reach="inside")]

    async def delete(self, request: web.Request) -> web.Response:
        """200 once a node of the set has made the tombstone durable. Repeating it gives the same answer."""
        check_query(request, _DELETE)
        keep = whole_number(request, "trash_seconds", -1, 0, MAX_TRASH_SECONDS)
        return json_response(await self._delete(request, asset_id_of(request), None if keep < 0 else keep))

    async def _delete(self, request: web.Request, asset_id: str, trash_seconds: int | None) -> DeletedView:
        named = not _NAME.isdisjoint(request.query)
        try:
            # Not from a cache: the set of an older version would be the wrong one to ask.
            asset = self._finder.kept(await self._catalog.asset(asset_id))
        except CatalogUnavailable:
            if not named:
                raise
            asset = None
        if asset is not None:
            check_found(request, asset.record)
            sets = await self._catalog.sets_of(asset_id)
            return await self._deleter.delete(asset.record, trash_seconds, sets.keys())
        # The catalog may have been emptied, or lag behind a restore: what it does not know may well be there.
        name = (needed(request, "bucket"), needed(request, "public_id")) if named else None
        return await self._deleter.delete_unindexed(asset_id, name, trash_seconds, limited_key(request))
