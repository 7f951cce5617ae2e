"""GET /v1/assets: a bucket's assets in the order of public_id, page by page.

Owns the cursor: it names the last asset of a page, so a listing goes on correctly whatever is uploaded or
deleted meanwhile. Refuses pages above the limit and cursors that are not ours.
"""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from atoll import names
from atoll.errors import BadName, BadRequest
from atoll.http import json_response
from query_service.asset_finder import AssetFinder
from query_service.asset_views import shown
from query_service.catalog import Catalog
from query_service.clients import PARAMETERS, Clients
from query_service.cluster_view import Views
from query_service.key_reach import check_prefix
from query_service.query_input import check_query, needed, prefix_of, whole_number
from query_service.resolver import Resolver
from query_service.routing import Route

_PARAMETERS = PARAMETERS | {"bucket", "prefix", "limit", "cursor"}
_DEFAULT_LIMIT = 100


class ListingApi:
    """Lists a bucket."""

    def __init__(
        self,
        catalog: Catalog,
        finder: AssetFinder,
        resolver: Resolver,
        clients: Clients,
        views: Views,
        max_items: int,
    ) -> None:
        self._catalog, self._finder, self._resolver = catalog, finder, resolver
        self._clients, self._views, self._max_items = clients, views, max_items

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("GET", "/v1/assets", "read", self.listing, reach="inside")]

    async def listing(self, request: web.Request) -> web.Response:
        """One page, and the cursor of the next."""
        check_query(request, _PARAMETERS)
        bucket = names.check_bucket(needed(request, "bucket"))
        prefix = prefix_of(request)
        check_prefix(request, bucket, prefix)
        self._views.current().cluster.bucket(bucket)
        limit = whole_number(request, "limit", min(_DEFAULT_LIMIT, self._max_items), 1, self._max_items)
        client = self._clients.of(request)
        page = await self._catalog.page(bucket, prefix, _after(request), limit)
        kept = [asset for asset in page.assets if self._finder.kept(asset)]
        return json_response(
            {
                "assets": [shown(asset, self._resolver, client) for asset in kept],
                "next_cursor": None if page.next_after is None else _cursor(page.next_after),
            }
        )


def _cursor(public_id: str) -> str:
    return base64.urlsafe_b64encode(public_id.encode()).rstrip(b"=").decode()


def _after(request: web.Request) -> str | None:
    """The public_id in the cursor."""
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return names.check_public_id(raw.decode())
    except (binascii.Error, ValueError, BadName):
        raise BadRequest("The cursor is not one of ours; leave it out.", parameter="cursor") from None
