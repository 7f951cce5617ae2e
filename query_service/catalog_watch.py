"""Whether MongoDB answers, and that its indexes are there whenever it does.

Owns the one background task that asks. Indexes are made anew after every absence, because a catalog that
was wiped or restored has none and every read would scan. Read by service_health.py.
"""

from __future__ import annotations

import asyncio
import logging

from atoll.backoff import Backoff
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable

log = logging.getLogger(__name__)

PING_SECONDS = 2.0


class CatalogWatch:
    """Asks for ever. `up` is what it heard last."""

    def __init__(self, catalog: Catalog, backoff: Backoff) -> None:
        self._catalog, self._backoff = catalog, backoff
        self.up = False

    async def run(self) -> None:
        """Ping, and make the indexes after each absence, until cancelled."""
        while True:
            answered = await self._ask()
            await asyncio.sleep(PING_SECONDS if answered else self._backoff.next())

    async def _ask(self) -> bool:
        try:
            await (self._catalog.ping() if self.up else self._catalog.ensure_indexes())
        except CatalogUnavailable as error:
            if self.up:
                log.warning("the catalog is away: %s", error.detail)
            self.up = False
            return False
        if not self.up:
            log.info("the catalog answers, and has its indexes")
        self.up = True
        self._backoff.reset()
        return True
