"""How the handlers of edits answer, and what they ask of a key beyond the route's scope. Pure."""

from __future__ import annotations

from aiohttp import web

from atoll.errors import Forbidden
from atoll.model import AssetRecord, Location
from atoll.node_api import AssetView, view_of
from query_service.asset_views import shown
from query_service.catalog_asset import CatalogAsset
from query_service.clients import Clients
from query_service.key_reach import API_KEY
from query_service.resolver import Resolver


def check_scope(request: web.Request, *scopes: str) -> None:
    """`Forbidden` unless the request's key has all of these too."""
    key = request[API_KEY]
    for scope in scopes:
        if scope not in key.scopes:
            raise Forbidden(f"The API key {key.id!r} lacks the scope {scope!r}.", scope=scope)


class EditAnswers:
    """Shows what an edit made."""

    def __init__(self, resolver: Resolver, clients: Clients) -> None:
        self._resolver, self._clients = resolver, clients

    def view(
        self, request: web.Request, record: AssetRecord, locations: tuple[Location, ...] = ()
    ) -> AssetView:
        """The asset; its URL is signed only for a key that may read, else it is the path."""
        if "read" not in request[API_KEY].scopes:
            return view_of(record, "", locations)
        return shown(CatalogAsset(record, locations), self._resolver, self._clients.of(request))
