"""An asset as the API shows it: its record, its locations, and its URL on the node nearest to the client."""

from __future__ import annotations

from msgspec import structs

from atoll.errors import Unavailable
from atoll.node_api import AssetView, view_of
from query_service.catalog_asset import CatalogAsset
from query_service.resolver import Resolver
from query_service.url_signer import Client


def shown(asset: CatalogAsset, resolver: Resolver, client: Client) -> AssetView:
    """The view. What is known of an asset is shown even when no node can serve it: then `url` is the path."""
    view = view_of(asset.record, "", asset.locations)
    try:
        return structs.replace(view, url=resolver.asset(asset, client).url)
    except Unavailable:
        return view
