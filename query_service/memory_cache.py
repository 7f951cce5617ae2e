"""Lookups that this process remembers: bounded by entries and by age. Pure; the clock is passed in.

Called by the lookup only, from one event loop, so it needs no lock. It never learns by itself that an asset
has changed: the lookup drops what it is told, and the age is the bound for what nobody told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from query_service.catalog_asset import CatalogAsset


class MemoryCache:
    """Assets by id. The one unused longest goes first."""

    def __init__(self, entries: int, seconds: float, clock: Callable[[], float]) -> None:
        self._entries, self._seconds, self._clock = entries, seconds, clock
        self._kept: OrderedDict[str, tuple[float, CatalogAsset]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, asset_id: str) -> CatalogAsset | None:
        """The asset, unless it is not here or too old. Its age counts from `put`, not from its last use."""
        entry = self._kept.get(asset_id)
        if entry is None:
            return None
        if self._clock() >= entry[0]:
            del self._kept[asset_id]
            return None
        self._kept.move_to_end(asset_id)
        return entry[1]

    def put(self, asset_id: str, asset: CatalogAsset) -> None:
        """Remember it from now on."""
        self._kept[asset_id] = (self._clock() + self._seconds, asset)
        self._kept.move_to_end(asset_id)
        if len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    def drop(self, asset_id: str) -> None:
        """Forget it, if it is here."""
        self._kept.pop(asset_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
