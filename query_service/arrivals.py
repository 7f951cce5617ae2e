"""Who asks for an asset whose upload is under way waits for it: what was acknowledged can be read.

A node acknowledges an upload when it lies durably on its disk; the catalog hears of it a moment later, in a
rush some seconds. Who asks meanwhile gets no 404 but waits, for `seconds` at most, until the news of the
change comes that makes all caches forget (`Invalidation`). Nothing is polled; the last look is for news that
was lost. Which assets are expected is the lookup's to say: others are refused at once.

Called by the lookup. `most` bounds how many wait at once; who comes then is answered at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from weakref import WeakValueDictionary

from query_service.catalog_asset import CatalogAsset

Look = Callable[[str], Awaitable[CatalogAsset | None]]


class Arrivals:
    """`seconds`: how long an asset is waited for; 0: not at all. `clock` is monotonic seconds."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self.waiting = 0  # now
        self._news: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    async def wait(self, asset_id: str, look: Look) -> CatalogAsset | None:
        """What `look` finds, asked now and at each news of the asset; None when it does not come."""
        if not self._seconds or self.waiting >= self._most:
            return None
        self.waiting += 1
        try:
            until = self._clock() + self._seconds
            while True:
                news = self._news.setdefault(asset_id, asyncio.Event())  # before the look: none is missed
                asset, left = await look(asset_id), until - self._clock()
                if asset is not None or left <= 0:
                    return asset
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), left)
        finally:
            self.waiting -= 1

    def told(self, asset_ids: Iterable[str] | None) -> None:
        """There is news of these assets (None: perhaps of any)."""
        for asset_id in list(self._news) if asset_ids is None else asset_ids:
            if news := self._news.pop(asset_id, None):
                news.set()
