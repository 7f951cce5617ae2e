"""Single flight: however many ask for one asset at once, it is fetched once. Pure; knows no cache.

Called by the lookup. The assets wanted in one turn of the event loop travel together in one batch, so that
thousands of requests a second cost hundreds of round trips. A flight that was overtaken by an invalidation
still lands for those who wait for it, since they asked before, but nobody boards it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from query_service.catalog_asset import CatalogAsset

MAX_BATCH = 512


class Flight:
    """One asset on its way. `stale`: not to be remembered; `expected`: the word that another is, or empty."""

    __slots__ = ("_landed", "expected", "stale")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._landed: asyncio.Future[CatalogAsset | None] = loop.create_future()
        self._landed.add_done_callback(_look_at)
        self.stale, self.expected = False, ""

    def land(self, asset: CatalogAsset | None) -> None:
        """Give it to those who wait."""
        if not self._landed.done():
            self._landed.set_result(asset)

    def crash(self, error: BaseException) -> None:
        """Raise it in those who wait."""
        if not self._landed.done():
            self._landed.set_exception(error)

    async def wait(self) -> CatalogAsset | None:
        """The asset. One who gives up waiting does not take it from the others."""
        return await asyncio.shield(self._landed)


class Flights:
    """The flights under way. `fly` takes a batch and lands each flight in it; it may raise instead."""

    def __init__(self, fly: Callable[[dict[str, Flight]], Awaitable[None]]) -> None:
        self._fly = fly
        self._boarding: dict[str, Flight] = {}
        self._under_way: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, asset_id: str) -> Flight:
        """The flight that brings this asset."""
        flight = self._under_way.get(asset_id)
        if flight is None:
            loop = asyncio.get_running_loop()
            flight = self._under_way[asset_id] = Flight(loop)
            if not self._boarding:
                loop.call_soon(self._depart)
            self._boarding[asset_id] = flight
            if len(self._boarding) >= MAX_BATCH:
                self._depart()
        return flight

    def overtake(self, asset_ids: Iterable[str] | None) -> None:
        """These assets (or all) have changed: who asks from now on needs a new flight."""
        for asset_id in list(self._under_way) if asset_ids is None else asset_ids:
            # one that still boards has read nothing yet, so it is as new as the next one would be
            if asset_id not in self._boarding and (flight := self._under_way.pop(asset_id, None)):
                flight.stale = True

    def land(self, asset_id: str, flight: Flight, asset: CatalogAsset | None) -> None:
        """Give the asset to those who wait. Nobody joins it now, though the rest of its batch travels on."""
        flight.land(asset)
        self._over(asset_id, flight)

    async def close(self) -> None:
        """Cancel what is under way; those who wait get `CancelledError`."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _depart(self) -> None:
        batch, self._boarding = self._boarding, {}
        if batch:
            task = asyncio.create_task(self._travel(batch), name="lookup batch")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _travel(self, batch: dict[str, Flight]) -> None:
        try:
            await self._fly(batch)
        except BaseException as error:  # nobody may be left waiting, whatever happened
            for asset_id, flight in batch.items():
                flight.crash(error)
                self._over(asset_id, flight)
            if not isinstance(error, Exception):
                raise

    def _over(self, asset_id: str, flight: Flight) -> None:
        if self._under_way.get(asset_id) is flight:
            del self._under_way[asset_id]


def _look_at(landed: asyncio.Future[CatalogAsset | None]) -> None:
    # Those who waited may all have gone; an error that nobody awaits any more is no accident.
    if not landed.cancelled():
        landed.exception()
