"""Telling every query service that assets have changed, so that no cache gives back what was.

The indexer announces after its bulk write; every query service listens. Owns the order: Redis is told
first, memories second, because a memory that forgets first may fill itself from Redis again. When the
announcer cannot reach Redis, or runs another version that keeps its entries elsewhere, each listener tells
Redis itself before it forgets. Core NATS keeps nothing: whoever was disconnected forgets everything when it
is back, and a memory's short age bounds the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import msgspec
from msgspec import Struct
from nats.aio.msg import Msg

from atoll.bus import Bus
from atoll.events import SIGNATURE_HEADER
from atoll.model import Identifier
from atoll.signing import Keys, seal, seal_matches
from query_service.cache_value import SHAPE
from query_service.lookup import Lookup
from query_service.redis_cache import RedisCache

log = logging.getLogger(__name__)

SUBJECT = "atoll.catalog.changed"


class Changed(Struct, frozen=True):
    """These assets (None: any) may look different now. `told` is the shape of entries Redis was told of."""

    asset_ids: tuple[Identifier, ...] | None
    told: int | None


class Invalidation:
    """Announces and hears changes, for one query service."""

    def __init__(self, bus: Bus, keys: Keys, lookup: Lookup, redis: RedisCache | None) -> None:
        self._bus, self._keys, self._lookup, self._redis = bus, keys, lookup, redis
        bus.on_reconnect(self._missed)

    async def listen(self) -> None:
        """Follow the announcements, from the first connection on. What was remembered before is forgotten."""
        await self._bus.subscribe(SUBJECT, self._heard)
        self._lookup.forget(None)

    async def announce(
        self, asset_ids: Collection[str] | None, came: Mapping[str, int] | None = None
    ) -> None:
        """Make every cache forget these assets (None: all). `BusUnavailable` when others cannot be told.

        `came`: see `RedisCache.invalidate`.
        """
        if asset_ids is not None and not asset_ids:
            return
        told = await self._tell_redis(asset_ids, came)
        self._lookup.forget(asset_ids)
        changed = Changed(None if asset_ids is None else tuple(asset_ids), SHAPE if told else None)
        body = msgspec.json.encode(changed)
        signature = seal(self._keys.event, SUBJECT, body)
        await self._bus.publish(SUBJECT, body, {SIGNATURE_HEADER: signature})

    async def _heard(self, message: Msg) -> None:
        signature = (message.headers or {}).get(SIGNATURE_HEADER, "")
        if not seal_matches(self._keys.event, SUBJECT, message.data, signature):
            log.warning("an announcement of changed assets is not ours")
            return
        try:
            changed = msgspec.json.decode(message.data, type=Changed)
        except msgspec.MsgspecError as error:
            log.warning("an announcement of changed assets cannot be read: %s", error)
            return
        if changed.told != SHAPE:
            await self._tell_redis(changed.asset_ids)
        self._lookup.forget(changed.asset_ids)

    async def _tell_redis(
        self, asset_ids: Collection[str] | None, came: Mapping[str, int] | None = None
    ) -> bool:
        return self._redis is None or await self._redis.invalidate(asset_ids, came)

    def _missed(self) -> None:
        log.info("announcements may have been missed: forgetting what is in memory")
        self._lookup.forget(None)
