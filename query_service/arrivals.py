"""Who asks for assets whose uploads are under way waits for them: what was acknowledged can be read.

A node acknowledges an upload when it lies durably on its disk; the catalog hears of it a moment later, in a
rush some seconds. Who asks meanwhile gets no 404 but waits, for `seconds` at most, until the news of the
change comes that makes all caches forget (`Invalidation`). Nothing is polled; the last look is for news that
was lost. What was waited for in vain is answered at once for VAIN_SECONDS, until there is news of it or
another word, that of a new ticket: one that nobody uses must not slow down whoever asks again and again.

Called by the asset finder. Bounded: how many wait at once, and how many of them for one asset; who comes
then is answered at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from query_service.catalog_asset import CatalogAsset

MOST_FOR_ONE = 64
VAIN_SECONDS, MOST_IN_VAIN = 60.0, 10_000


class Found(NamedTuple):
    """What a look found: assets by id, and those that are still expected, each with the word that says so."""

    assets: Mapping[str, CatalogAsset]
    expected: Mapping[str, str]


Look = Callable[[Collection[str]], Awaitable[Found]]


class Arrivals:
    """`seconds`: how long assets are waited for; 0: not at all. `most`: how many wait at once."""

    def __init__(
        self,
        seconds: float,
        most: int,
        clock: Callable[[], float],
        came: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`clock` is monotonic seconds; `came` is told how many assets a wait has brought."""
        self._seconds, self._most, self._clock, self._came = seconds, most, clock, came
        self.waiting = 0  # now
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self._vain: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def wait(
        self, expected: Mapping[str, str], look: Look, seconds: float | None = None
    ) -> Mapping[str, CatalogAsset]:
        """Those that come. `look` is asked now and at each news; what it expects no more is given up.

        `seconds`: the caller's own patience, if that is less than ours.
        """
        patience = self._seconds if seconds is None else min(seconds, self._seconds)
        wanted = {i: word for i, word in expected.items() if patience and self._may_come(i, word)}
        if not wanted or self.waiting >= self._most:
            return {}
        news = asyncio.Event()
        self.waiting += 1
        for asset_id in wanted:
            self._waiters.setdefault(asset_id, set()).add(news)
        try:
            found, late = await self._until(self._clock() + patience, wanted, look, news)
        finally:
            self.waiting -= 1
            for asset_id in wanted:
                self._leave(asset_id, news)
        if patience == self._seconds:
            self._note_vain(late)
        self._came(len(found))
        return found

    def told(self, asset_ids: Iterable[str] | None) -> None:
        """There is news of these assets (None: perhaps of any)."""
        for asset_id in {*self._waiters, *self._vain} if asset_ids is None else asset_ids:
            self._vain.pop(asset_id, None)
            for news in self._waiters.get(asset_id, ()):
                news.set()

    async def _until(
        self, until: float, wanted: Mapping[str, str], look: Look, news: asyncio.Event
    ) -> tuple[dict[str, CatalogAsset], Mapping[str, str]]:
        """What has come until then, and what is expected still."""
        found: dict[str, CatalogAsset] = {}
        while True:
            news.clear()  # before the look: none is missed
            assets, wanted = await look(wanted.keys())
            found |= assets
            left = until - self._clock()
            if not wanted or left <= 0:
                return found, wanted
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), left)

    def _may_come(self, asset_id: str, word: str) -> bool:
        before, since = self._vain.get(asset_id, ("", 0.0))
        if before == word and self._clock() - since < VAIN_SECONDS:
            return False
        return len(self._waiters.get(asset_id, ())) < MOST_FOR_ONE

    def _leave(self, asset_id: str, news: asyncio.Event) -> None:
        waiters = self._waiters[asset_id]
        waiters.discard(news)
        if not waiters:
            del self._waiters[asset_id]

    def _note_vain(self, words: Mapping[str, str]) -> None:
        for asset_id, word in words.items():
            self._vain[asset_id] = word, self._clock()
            self._vain.move_to_end(asset_id)
        while len(self._vain) > MOST_IN_VAIN:
            self._vain.popitem(last=False)
