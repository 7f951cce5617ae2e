"""What the catalog knows of one asset, as the rest of the query service sees it. Pure.

Owned by `catalog`, which reads it from MongoDB, and by `cache_value`, which writes it for Redis. Frozen and
shared between requests: whoever needs something else makes a new one.
"""

from __future__ import annotations

from msgspec import Struct

from atoll.model import AssetRecord, Location


class CatalogAsset(Struct, frozen=True):
    """An asset's current record, and the nodes that hold its bytes (by node name; may be empty)."""

    record: AssetRecord
    locations: tuple[Location, ...] = ()


class Page(Struct, frozen=True):
    """One page of a bucket, in the order of public_id (by code point) or of a search.

    `next_after`: the sort key behind which the next page begins; None on the last one.
    """

    assets: tuple[CatalogAsset, ...]
    next_after: str | None = None
