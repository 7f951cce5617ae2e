"""Looking assets up: this process's memory, then Redis, then the catalog.

Called by the resolver and by whoever needs an asset by id or name. All caches know one key, the asset id; a
name is turned into the id that follows from it. A missing asset is never remembered: a picture that was
uploaded a moment ago must appear. One that has a ticket and is not in the catalog yet is waited for
(`arrivals`); Redis knows which those are, and without it each id of the last half minute may be one. What
keeps each cache from giving back an old value after an invalidation is told where it lives: `flights` and
`redis_cache`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from atoll.ids import id_time_ms, looks_generated, named_asset_id
from query_service.arrivals import Arrivals
from query_service.catalog import Catalog
from query_service.catalog_asset import CatalogAsset
from query_service.flights import Flight, Flights
from query_service.lookup_metrics import LookupMetrics
from query_service.memory_cache import MemoryCache
from query_service.redis_cache import Kept, RedisCache

YOUNG_MS = 30_000  # without Redis: a generated id of this age may be of an upload under way

Name = tuple[str, str]  # bucket, public_id


class Lookup:
    """Assets by id or name, from the nearest place that knows them.

    All methods raise `CatalogUnavailable` (503) when the answer is in no cache and MongoDB does not answer.
    """

    def __init__(
        self,
        memory: MemoryCache,
        redis: RedisCache | None,
        catalog: Catalog,
        metrics: LookupMetrics,
        arrivals: Arrivals,
        now_ms: Callable[[], int],
    ) -> None:
        self._memory, self._redis, self._catalog, self._metrics = memory, redis, catalog, metrics
        self._arrivals, self._now_ms = arrivals, now_ms
        self._flights = Flights(self._fly)

    def cached(self, asset_id: str) -> CatalogAsset | None:
        """The asset if this process has it in memory: no I/O, no await. None says nothing about the asset."""
        asset = self._memory.get(asset_id)
        if asset is not None:
            self._metrics.memory.inc()
        return asset

    async def asset(self, asset_id: str, *, patient: bool = True) -> CatalogAsset | None:
        """The asset with this id, or None; `patient`: not before it had time to come, if one is expected."""
        if (asset := self.cached(asset_id)) is not None:
            return asset
        flight = self._flights.join(asset_id)
        asset = await flight.wait()
        if asset is None and patient and self._is_expected(asset_id, flight):
            return await self._come(asset_id)
        return asset

    async def by_name(self, bucket: str, public_id: str, *, patient: bool = True) -> CatalogAsset | None:
        """The asset with this name in this bucket, or None. Handles generated ids used as names too."""
        for asset_id in _ids_for((bucket, public_id)):
            asset = await self.asset(asset_id, patient=patient)
            if asset is not None and _has_name(asset, (bucket, public_id)):
                return asset
        return None

    async def many(self, asset_ids: Iterable[str]) -> Mapping[str, CatalogAsset]:
        """Those of the assets that exist, by id (up to 1,000 at once; one catalog read for all misses).

        Those that are expected are waited for, together.
        """
        found: dict[str, CatalogAsset] = {}
        flights: dict[str, Flight] = {}
        expected: list[str] = []
        for asset_id in asset_ids:
            if (asset := self.cached(asset_id)) is not None:
                found[asset_id] = asset
            else:
                flights[asset_id] = self._flights.join(asset_id)
        for asset_id, flight in flights.items():
            if (asset := await flight.wait()) is not None:
                found[asset_id] = asset
            elif self._is_expected(asset_id, flight):
                expected.append(asset_id)
        come = await asyncio.gather(*map(self._come, expected))
        return found | {asset.record.asset_id: asset for asset in come if asset is not None}

    async def many_by_name(self, names: Iterable[Name]) -> Mapping[Name, CatalogAsset]:
        """Those of the assets that exist, by (bucket, public_id)."""
        wanted = {name: _ids_for(name) for name in names}
        found = await self.many({asset_id for ids in wanted.values() for asset_id in ids})
        return {
            name: found[asset_id]
            for name, ids in wanted.items()
            for asset_id in reversed(ids)  # the first of them is written last
            if asset_id in found and _has_name(found[asset_id], name)
        }

    def forget(self, asset_ids: Iterable[str] | None) -> None:
        """These assets (None: all) may have changed. Redis must have been told before."""
        if asset_ids is None:
            self._memory.clear()
        else:
            asset_ids = list(asset_ids)
            for asset_id in asset_ids:
                self._memory.drop(asset_id)
        self._flights.overtake(asset_ids)
        self._arrivals.told(asset_ids)

    async def expect(self, asset_ids: Sequence[str], seconds: int) -> None:
        """Uploads of these assets may be under way for as long as that: who asks for one waits for it."""
        if self._redis:
            await self._redis.expect(asset_ids, seconds)

    async def close(self) -> None:
        """Cancel what is under way. Called when no request is left."""
        await self._flights.close()

    def _is_expected(self, asset_id: str, flight: Flight) -> bool:
        if self._redis and self._redis.up:
            return flight.expected
        return looks_generated(asset_id) and self._now_ms() - id_time_ms(asset_id) < YOUNG_MS

    async def _come(self, asset_id: str) -> CatalogAsset | None:
        asset = await self._arrivals.wait(asset_id, lambda expected: self._flights.join(expected).wait())
        if asset is not None:
            self._metrics.awaited.inc()
        return asset

    async def _fly(self, batch: dict[str, Flight]) -> None:
        """Land a batch: what Redis has at once, the rest when the catalog has answered."""
        kept = await self._redis.get(list(batch)) if self._redis else Kept()
        self._metrics.redis.inc(len(kept.assets))
        for asset_id, asset in kept.assets.items():
            self._land(asset_id, batch[asset_id], asset)
        for asset_id in kept.expected:
            batch[asset_id].expected = True
        missing = [asset_id for asset_id in batch if asset_id not in kept.assets]
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
        if asset is not None and not flight.stale:
            self._memory.put(asset_id, asset)
        self._flights.land(asset_id, flight, asset)


def _ids_for(name: Name) -> tuple[str, ...]:
    """The ids an asset of this name can have. One that was uploaded without a name has its id for a name."""
    named = named_asset_id(*name)
    return (name[1], named) if looks_generated(name[1]) else (named,)


def _has_name(asset: CatalogAsset, name: Name) -> bool:
    return (asset.record.bucket, asset.record.public_id) == name
