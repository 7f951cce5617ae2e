"""Which asset a name in `/i/…` means: the one of this very name, else the one before the extension.

Owns the remembering of names that no asset has, without which every `tom.jpg` that means `tom` would cost a
catalog read. Called by redirects.py.
"""

from __future__ import annotations

from typing import NamedTuple

from atoll import names
from atoll.errors import BadName
from query_service.absent_names import AbsentNames
from query_service.asset_finder import AssetFinder
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_errors import CatalogUnavailable

# What people write for the formats we keep; the last word of a name is an extension only if it is here.
EXTENSIONS = frozenset({*names.EXTENSIONS, "jpeg", "tif", "heif"})


class Meant(NamedTuple):
    """An asset, and the extension that was written behind its name (empty: none)."""

    asset: CatalogAsset
    extension: str


class ImageNames:
    """Finds assets by what stands in addresses."""

    def __init__(self, finder: AssetFinder, absent: AbsentNames) -> None:
        self._finder, self._absent = finder, absent

    async def find(self, bucket: str, name: str, wait: float | None = None) -> Meant | None:
        """The asset with this very name; else the one with the name before the extension.

        `wait`: the seconds that a caller has for what is on its way; None: as long as the service has.
        """
        given, *stem = readings(name)
        if not stem:
            asset = await self._given(bucket, given, wait)
            return Meant(asset, "") if asset else None
        extension = given.rpartition(".")[2]
        lately_absent = self._absent.lately((bucket, given))
        if not lately_absent and (asset := await self._given(bucket, given, wait=0)):
            return Meant(asset, "")
        if asset := await self._finder.named(bucket, stem[0], wait=0):
            return Meant(asset, extension)
        # Neither is there: nothing is saved by believing the memory now, and one may be on its way.
        found = await self._finder.many([(bucket, given), (bucket, stem[0])], wait)
        for reading, means in ((given, ""), (stem[0], extension)):
            one = found.get((bucket, reading))
            if isinstance(one, CatalogAsset):
                return Meant(one, means)
            if isinstance(one, CatalogUnavailable) and not self._absent.ever((bucket, reading)):
                raise one
        return None

    async def _given(self, bucket: str, public_id: str, wait: float | None = None) -> CatalogAsset | None:
        name = (bucket, public_id)
        try:
            asset = await self._finder.named(bucket, public_id, wait)
        except CatalogUnavailable:
            if self._absent.ever(name):
                return None
            raise
        if asset is None:
            self._absent.note(name)
        return asset


def readings(name: str) -> list[str]:
    """The public_ids that a name in a URL may mean, in the order to try; `BadName` if it can mean none."""
    given = names.check_public_id(name)
    stem, dot, extension = given.rpartition(".")
    if not dot or extension.lower() not in EXTENSIONS:
        return [given]
    try:
        return [given, names.check_public_id(stem)]
    except BadName:
        return [given]
