"""Looking assets up: this process's memory, then Redis, then the catalog.

Called by the asset finder. All caches know one key, the asset id. A missing asset is never remembered: a
picture that was uploaded a moment ago must appear. Of one that has a ticket and is not in the catalog yet it
is said that it is expected: Redis knows which those are, and while it gives no answer each generated id of
the last half minute may be one. What keeps each cache from giving back an old value after an invalidation is
told where it lives: `flights` and `redis_cache`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from atoll.ids import id_time_ms, looks_generated
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.flights import Flight, Flights
from query_service.lookup_metrics import LookupMetrics
from query_service.memory_cache import MemoryCache
from query_service.redis_cache import Kept, RedisCache

YOUNG_MS = 30_000  # of this age an id may be that of an upload under way; a clock may be as wrong
_YOUNG = "young"  # the word of one


class Sight(NamedTuple):
    """An asset, or that there is none; `expected`: the word that one may be on its way, or empty."""

    asset: CatalogAsset | None
    expected: str = ""


class Lookup:
    """Assets by id, from the nearest place that knows them.

    `see` and `look` raise `CatalogUnavailable` (503) when no cache has the answer and MongoDB is away.
    """

    def __init__(
        self,
        memory: MemoryCache,
        redis: RedisCache | None,
        catalog: Catalog,
        metrics: LookupMetrics,
        now_ms: Callable[[], int],
        tell: Callable[[Iterable[str] | None], None] = lambda _: None,
    ) -> None:
        """`tell` hears of what may have changed, when the caches have forgotten it."""
        self._memory, self._redis, self._catalog, self._metrics = memory, redis, catalog, metrics
        self._now_ms, self._tell = now_ms, tell
        self._flights = Flights(self._fly)

    def cached(self, asset_id: str) -> CatalogAsset | None:
        """The asset if this process has it in memory: no I/O, no await. None says nothing about the asset."""
        asset = self._memory.get(asset_id)
        if asset is not None:
            self._metrics.memory.inc()
        return asset

    async def see(self, asset_id: str) -> Sight:
        """What there is of one that `cached` has not."""
        flight = self._flights.join(asset_id)
        return Sight(await flight.wait(), flight.expected)

    async def look(self, asset_ids: Iterable[str]) -> dict[str, Sight]:
        """The same of several (up to 1,000 at once; one catalog read for all misses)."""
        flights = {asset_id: self._flights.join(asset_id) for asset_id in asset_ids}
        return {i: Sight(await flight.wait(), flight.expected) for i, flight in flights.items()}

    def forget(self, asset_ids: Iterable[str] | None) -> None:
        """These assets (None: all) may have changed. Redis must have been told before."""
        ids = None if asset_ids is None else list(asset_ids)
        if ids is None:
            self._memory.clear()
        for asset_id in ids or ():
            self._memory.drop(asset_id)
        self._flights.overtake(ids)
        self._tell(ids)

    async def expect(self, asset_ids: Sequence[str], seconds: int, *, known: bool = False) -> None:
        """Uploads of these assets may be under way: see `RedisCache.expect`."""
        if self._redis:
            await self._redis.expect(asset_ids, seconds, known=known)
            self._flights.overtake(asset_ids)  # they have read before the word

    async def close(self) -> None:
        """Cancel what is under way. Called when no request is left."""
        await self._flights.close()

    def _is_young(self, asset_id: str) -> bool:
        return looks_generated(asset_id) and abs(self._now_ms() - id_time_ms(asset_id)) < YOUNG_MS

    async def _fly(self, batch: dict[str, Flight]) -> None:
        """Land a batch: what Redis has at once, the rest when the catalog has answered."""
        kept = await self._redis.get(list(batch)) if self._redis else Kept()
        self._metrics.redis.inc(len(kept.assets))
        for asset_id, asset in kept.assets.items():
            self._land(asset_id, batch[asset_id], asset)
        missing = [asset_id for asset_id in batch if asset_id not in kept.assets]
        for asset_id in missing:
            young = not kept.answered and self._is_young(asset_id)
            batch[asset_id].expected = kept.expected.get(asset_id, _YOUNG if young else "")
        if missing:
            await self._load(batch, missing)

    async def _load(self, batch: dict[str, Flight], missing: list[str]) -> None:
        lease = self._redis.lease() if self._redis else None  # before the catalog is read, see redis_cache
        loaded = await self._catalog.assets(missing)
        self._metrics.catalog.inc(len(loaded))
        self._metrics.absent.inc(len(missing) - len(loaded))
        for asset_id in missing:
            self._land(asset_id, batch[asset_id], loaded.get(asset_id))
        if self._redis and lease:
            fresh = {asset_id: asset for asset_id, asset in loaded.items() if not batch[asset_id].stale}
            await self._redis.put(lease, fresh)

    def _land(self, asset_id: str, flight: Flight, asset: CatalogAsset | None) -> None:
        # What is found where a word stands is about to be replaced, or was deleted.
        if asset is not None and not flight.stale and flight.expected in ("", _YOUNG):
            self._memory.put(asset_id, asset)
        self._flights.land(asset_id, flight, asset)
