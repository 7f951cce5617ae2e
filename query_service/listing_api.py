"""GET /v1/assets and POST /v1/search: a bucket's assets, all or those that fit, page by page.

Owns the two routes. Without anything of a search GET is the plain listing by public_id. Refuses pages above
the limit, cursors that are not ours or of another sort, and fields that assets do not have.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import structs

from atoll import names
from atoll.http import json_response, read_json
from query_service.asset_finder import AssetFinder
from query_service.asset_views import Fields, fields_of, shown_page
from query_service.catalog import Catalog
from query_service.catalog_asset import Page
from query_service.clients import PARAMETERS, Clients
from query_service.cluster_view import Views
from query_service.key_reach import check_prefix
from query_service.query_input import check_query, checked_prefix, limited, needed, whole_number
from query_service.resolver import Resolver
from query_service.routing import Route
from query_service.search_cursor import read_cursor, write_cursor
from query_service.search_plan import plan_of
from query_service.search_wire import SEARCH_PARAMETERS, SearchOrder, order_of
from query_service.url_signer import Client

_PARAMETERS = PARAMETERS | SEARCH_PARAMETERS | {"bucket", "prefix", "limit", "cursor"}
_SEARCHES = SEARCH_PARAMETERS - {"cursor", "fields"}
_DEFAULT_LIMIT = 100


class ListingApi:
    """Lists and searches a bucket."""

    def __init__(
        self,
        catalog: Catalog,
        finder: AssetFinder,
        resolver: Resolver,
        clients: Clients,
        views: Views,
        max_items: int,
        max_json_bytes: int,
    ) -> None:
        self._catalog, self._finder, self._resolver = catalog, finder, resolver
        self._clients, self._views = clients, views
        self._max_items, self._max_json_bytes = max_items, max_json_bytes

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route("GET", "/v1/assets", "read", self.listing, reach="inside"),
            Route("POST", "/v1/search", "read", self.search, reach="inside"),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """One page, and the cursor of the next."""
        check_query(request, _PARAMETERS)
        bucket, prefix = needed(request, "bucket"), request.query.get("prefix", "")
        limit = whole_number(request, "limit", min(_DEFAULT_LIMIT, self._max_items), 1, self._max_items)
        order = self._checked(request, order_of(request, bucket, prefix, limit))
        if _SEARCHES.isdisjoint(request.query):
            return await self._plain(request, order, limit)
        return await self._found(request, order, limit)

    async def search(self, request: web.Request) -> web.Response:
        """The same for what is too long for a URL."""
        check_query(request, PARAMETERS)
        order = self._checked(request, await read_json(request, SearchOrder, self._max_json_bytes))
        limit = limited("limit", order.limit or min(_DEFAULT_LIMIT, self._max_items), self._max_items)
        return await self._found(request, order, limit)

    def _checked(self, request: web.Request, order: SearchOrder) -> SearchOrder:
        """With its names in the form they are kept in, and all of it within the key's reach."""
        bucket, prefix = names.check_bucket(order.bucket), checked_prefix(order.prefix)
        check_prefix(request, bucket, prefix)
        self._views.current().cluster.bucket(bucket)
        return structs.replace(order, bucket=bucket, prefix=prefix)

    async def _plain(self, request: web.Request, order: SearchOrder, limit: int) -> web.Response:
        client, fields = self._clients.of(request), fields_of(order.fields)
        after = None if order.cursor is None else read_cursor(order.cursor, "public_id")
        page = await self._catalog.page(order.bucket, order.prefix, after, limit)
        return json_response(self._page(page, "public_id", client, fields))

    async def _found(self, request: web.Request, order: SearchOrder, limit: int) -> web.Response:
        client, fields, plan = self._clients.of(request), fields_of(order.fields), plan_of(order)
        page = await self._catalog.search(plan, limit, places=fields.need_places)
        return json_response(self._page(page, plan.sort, client, fields))

    def _page(self, page: Page, sort: str, client: Client, fields: Fields) -> dict[str, Any]:
        kept = [asset for asset in page.assets if self._finder.kept(asset)]
        return {
            "assets": shown_page(kept, self._resolver, client, fields),
            "next_cursor": None if page.next_after is None else write_cursor(page.next_after, sort),
        }
