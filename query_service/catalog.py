"""The catalog: MongoDB's index of what lies on the nodes. Signatures first.

The only module, with `mongo_driver` and `catalog_indexes`, that speaks to MongoDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from atoll.events import Event
from atoll.model import Location
from query_service.catalog_asset import CatalogAsset, Page
from query_service.catalog_errors import CatalogUnavailable

__all__ = ["Applied", "Catalog", "CatalogUnavailable"]


class Applied(Struct, frozen=True):
    """What `apply` did: the ids of the assets that may look different now, and the events it refused, with the reason."""

    changed: frozenset[str]
    refused: tuple[tuple[Event, str], ...] = ()


class Catalog:
    """Assets, locations and tombstones. All methods raise `CatalogUnavailable` when MongoDB does not answer."""

    async def ensure_indexes(self) -> None:
        """Make the indexes that are missing; repeating it changes nothing."""
        raise NotImplementedError

    async def asset(self, asset_id: str) -> CatalogAsset | None:
        """The asset with this id."""
        raise NotImplementedError

    async def asset_by_name(self, bucket: str, public_id: str) -> CatalogAsset | None:
        """The asset with this name."""
        raise NotImplementedError

    async def assets(self, asset_ids: Iterable[str]) -> Mapping[str, CatalogAsset]:
        """Those of the assets that exist, by id."""
        raise NotImplementedError

    async def page(self, bucket: str, prefix: str = "", after: str | None = None, limit: int = 100) -> Page:
        """Up to `limit` assets whose public_id starts with `prefix` and follows `after`."""
        raise NotImplementedError

    async def locations(self, bucket: str, sha256: str) -> tuple[Location, ...]:
        """The nodes that hold a blob, by node name."""
        raise NotImplementedError

    async def apply(self, events: Sequence[Event]) -> Applied:
        """Fold a batch of events into the catalog. Idempotent, and the order of events never matters."""
        raise NotImplementedError
