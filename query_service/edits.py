"""Edits of assets: the order to a node of the set, and the catalog that shows the result at once.

The node makes the edit durable and its event brings it to every catalog; here it is written into the catalog
as well, by the same rules, before the client is answered, so that who edits and then asks sees what he did.
That is a courtesy: with MongoDB away the event brings it later. Called by the handlers of edits.
"""

from __future__ import annotations

import asyncio
import logging

from atoll.asset_edits import PATH, Edit, EditResult
from atoll.bus import BusUnavailable
from atoll.errors import AlreadyExists, AtollError, BadRequest, PreconditionFailed
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_fold import Fold, folded
from query_service.deletes import Announce
from query_service.set_orders import SetOrders

log = logging.getLogger(__name__)

SHOWN_SECONDS = 2.0  # how long an answer waits for the catalog
# what no other node would see differently
FINAL: tuple[type[AtollError], ...] = (AlreadyExists, PreconditionFailed, BadRequest)


class Edits:
    """Sends edits. `announce` makes every cache forget an asset."""

    def __init__(self, orders: SetOrders, catalog: Catalog, announce: Announce) -> None:
        self._orders, self._catalog, self._announce = orders, catalog, announce

    async def order(self, edit: Edit) -> EditResult:
        """Have it done. `NotFound`, `AlreadyExists`; `Unavailable` when no node of the set can."""
        result = await self._orders.send(
            edit.set,
            PATH,
            EditResult,
            edit,
            failed="Nothing was changed: no node of the asset's set took the order.",
            final=FINAL,
        )
        await self._show(result)
        return result

    async def _show(self, result: EditResult) -> None:
        change = folded(result.records, result.tombstones)
        try:
            async with asyncio.timeout(SHOWN_SECONDS):
                await self._catalog.mend(change)
                await self._announce(_assets(change))
        except (CatalogUnavailable, BusUnavailable, TimeoutError) as error:
            log.info("an edit is shown when its event comes: %r", error)


def _assets(change: Fold) -> set[str]:
    return {*change.records, *(stone.of_asset for stone in change.tombstones.values())}
