"""An asset as the API shows it: its record, its locations, and its URL on the node nearest to the client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, structs

from atoll.errors import BadRequest, Unavailable
from atoll.node_api import AssetView, view_of
from query_service.catalog_asset import CatalogAsset
from query_service.resolver import Resolver
from query_service.url_signer import Client

_KNOWN = tuple(name for name in AssetView.__struct_fields__ if name != "durability")


class Fields(Struct, frozen=True):
    """Which members of each asset are wanted; None: all."""

    names: tuple[str, ...] | None

    @property
    def need_places(self) -> bool:
        """Whether locations must be read for them: a URL is on a node that has the bytes."""
        return self.names is None or "url" in self.names or "locations" in self.names


def fields_of(names: tuple[str, ...]) -> Fields:
    """The fields of an order, none for all; `BadRequest` for one that assets do not have."""
    for name in names:
        if name not in _KNOWN:
            raise BadRequest(
                f"Assets have no field {name[:40]!r}; known: {', '.join(_KNOWN)}.", parameter="fields"
            )
    return Fields(names or None)


def shown(asset: CatalogAsset, resolver: Resolver, client: Client) -> AssetView:
    """The view. What is known of an asset is shown even when no node can serve it: then `url` is the path."""
    view = view_of(asset.record, "", asset.locations)
    try:
        return structs.replace(view, url=resolver.asset(asset, client).url)
    except Unavailable:
        return view


def shown_page(
    assets: Iterable[CatalogAsset], resolver: Resolver, client: Client, fields: Fields
) -> list[AssetView] | list[dict[str, Any]]:
    """Many, or of each what is wanted."""
    if fields.names is None:
        return [shown(asset, resolver, client) for asset in assets]
    parts = []
    for asset in assets:
        view = shown(asset, resolver, client) if fields.need_places else view_of(asset.record, "")
        parts.append({name: msgspec.to_builtins(getattr(view, name)) for name in fields.names})
    return parts
