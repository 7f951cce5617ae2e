"""What the catalog says of a name that is about to be uploaded: taken or free, and in which set it lies.

Best effort: a ticket needs no database, so that an answer that does not come in time is none. A name keeps
its set as long as that takes uploads, so that its versions lie together. Without `overwrite` a taken name is
refused here already; the node holds to it for what it knows itself. Two regions that both do not know of
each other yet may both take a name: then the later of the two is the current version, as always.
"""

from __future__ import annotations

import asyncio
import logging

from atoll import names
from atoll.errors import AlreadyExists
from query_service.asset_finder import AssetFinder
from query_service.catalog_asset import CatalogAsset
from query_service.catalog_errors import CatalogUnavailable
from query_service.wire import UploadOrder

log = logging.getLogger(__name__)


class TakenNames:
    """`seconds`: how long a ticket waits for the answer."""

    def __init__(self, finder: AssetFinder, seconds: float) -> None:
        self._finder, self._seconds = finder, seconds

    async def home_of(self, order: UploadOrder) -> str | None:
        """The set of the asset that has the order's name; `AlreadyExists` if that must not be."""
        if order.public_id is None:
            return None
        bucket, public_id = names.check_bucket(order.bucket), names.check_public_id(order.public_id)
        asset = await self._found(bucket, public_id)
        if asset is None:
            return None
        if not order.overwrite:
            raise AlreadyExists(
                "There is an asset of this name already, and overwrite is false.",
                bucket=bucket,
                public_id=public_id,
                asset_id=asset.record.asset_id,
            )
        return asset.record.set

    async def _found(self, bucket: str, public_id: str) -> CatalogAsset | None:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._finder.named(bucket, public_id, wait=0)
        except (CatalogUnavailable, TimeoutError) as error:
            log.debug("a ticket's name is not looked up: %r", error)
            return None
