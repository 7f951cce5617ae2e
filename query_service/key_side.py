"""The half of a query service that knows keys, put together in order: API keys, signing keys, the audit
record, throttling. Called by app.py, which owns what is passed in.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from atoll.api_keys import ApiKeys
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.delivery_keys import Ring
from atoll.ids import now_ms
from atoll.lifecycle import Tasks
from atoll.signing import Keys
from query_service.audit_api import AuditApi
from query_service.audit_stream import AuditRules, AuditStream
from query_service.audit_trail import AuditTrail
from query_service.callers import Callers
from query_service.data_side import backoff
from query_service.key_use import KeyUse
from query_service.keys_api import KeysApi
from query_service.position import PositionFinder
from query_service.routing import Door, Route
from query_service.session_api import SessionApi
from query_service.sessions import Sessions
from query_service.settings import QuerySettings
from query_service.shared_redis import SharedRedis
from query_service.signing_keys_api import SigningKeysApi
from query_service.throttle import Throttle
from query_service.throttling import Throttling
from query_service.token_bucket import Rate
from query_service.upload_keys_api import UploadKeysApi


class KeySide(NamedTuple):
    """The door before all routes, and what goes on behind it."""

    door: Door
    routes: list[Route]
    use: KeyUse
    trail: AuditTrail

    def start(self, tasks: Tasks) -> None:
        """All that goes on beside the requests."""
        tasks.start("key use", self.use.run())
        tasks.start("audit", self.trail.run())

    async def close(self) -> None:
        """Write what is known only here; when no request is answered any more."""
        await self.door.throttling.close()
        await self.use.write()


def open_keys(
    settings: QuerySettings,
    keys: Keys,
    ring: Ring,
    api_keys: ApiKeys,
    bus: Bus,
    cluster: LiveClusterMap,
    redis: SharedRedis | None,
    positions: PositionFinder,
) -> KeySide:
    """Nothing is connected to before it is used."""
    stream = AuditStream(
        bus, keys, AuditRules(settings.nats_map_domain, settings.audit_days, settings.nats_replicas)
    )
    trail = AuditTrail(stream, settings.state_dir, backoff())
    use = KeyUse(api_keys, redis, now_ms)
    throttling = _throttling(settings, redis, positions)
    sessions = Sessions(keys, api_keys, settings.session_seconds, now_ms)
    callers = Callers(api_keys, sessions, settings.public_url)
    json_bytes = settings.max_json_bytes
    routes = [
        *KeysApi(cluster, api_keys, use, json_bytes, now_ms).routes(),
        *SigningKeysApi(cluster, keys, ring, json_bytes, now_ms).routes(),
        *UploadKeysApi(cluster, keys, json_bytes, now_ms).routes(),
        *AuditApi(stream).routes(),
        *SessionApi(sessions, callers, throttling).routes(),
    ]
    return KeySide(Door(callers, throttling, trail, settings.name), routes, use, trail)


def _throttling(settings: QuerySettings, redis: SharedRedis | None, positions: PositionFinder) -> Throttling:
    def throttle(name: str, per_second: int, burst: int) -> Throttle:
        return Throttle(name, Rate(per_second, burst), redis, time.monotonic, settings.throttle_wait_seconds)

    return Throttling(
        throttle("key", settings.key_rate, settings.key_burst),
        throttle("address", settings.address_rate, settings.address_burst),
        throttle("sign-in", settings.sign_in_rate, settings.sign_in_burst),
        positions.address,
    )
