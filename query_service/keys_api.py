"""/v1/keys: making, showing, changing, rotating and revoking API keys. Writes the cluster map.

Owns the rules: a secret is shown once and kept as its hash; a name is given once, for ever; a revoked key
does not come back. Refused while NATS, and with it the map, cannot be written. Keys of this service's own
file are shown only: they are changed there.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable

from aiohttp import web
from msgspec import UNSET
from msgspec.structs import replace

from atoll.access import AccessKey, PreviousSecret
from atoll.api_keys import ApiKey, ApiKeys
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict, NotFound, TooLarge
from atoll.http import json_response, read_json
from atoll.node_api import rfc3339
from atoll.signing import hash_api_key
from query_service.audit_guard import audit_facts
from query_service.key_use import KeyUse
from query_service.keys_wire import KeyChange, KeyList, KeyOrder, KeyView, MadeKey
from query_service.map_entries import Find, change_entry, make_entry
from query_service.query_input import check_query
from query_service.routing import Route

MAX_KEYS = 10_000  # with revoked ones: all daemons hold them in memory, about 1 KiB each
_FRESH = {"Cache-Control": "no-store"}


class KeysApi:
    """For administrators. `clock_ms` gives Unix milliseconds."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        keys: ApiKeys,
        use: KeyUse,
        max_json_bytes: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._live, self._keys, self._use = cluster, keys, use
        self._max_json_bytes, self._clock_ms = max_json_bytes, clock_ms

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("POST", "/v1/keys", "admin", self.make, reach="whole"),
            Route("GET", "/v1/keys", "admin", self.show, reach="whole"),
            Route("PATCH", "/v1/keys/{key}", "admin", self.change, reach="whole"),
            Route("DELETE", "/v1/keys/{key}", "admin", self.revoke, reach="whole"),
        ]

    @property
    def _map(self) -> ClusterMap:
        return self._live.current

    async def make(self, request: web.Request) -> web.Response:
        """201 with the key and its secret, which is told nowhere else."""
        check_query(request, ())
        order = await read_json(request, KeyOrder, self._max_json_bytes)
        audit_facts(request, key=order.name)
        if order.name in self._map.keys or any(key.id == order.name for key in self._keys.own):
            raise Conflict(f"There is, or was, a key {order.name!r}: names are given once.", key=order.name)
        if len(self._map.keys) >= MAX_KEYS:
            raise TooLarge(f"A cluster has at most {MAX_KEYS} keys.", limit=MAX_KEYS)
        secret, now = _new_secret(), self._clock_ms()
        entry = AccessKey(
            order.name,
            hash_api_key(secret),
            order.scopes,
            now,
            order.buckets,
            _normal(order.prefixes),
            None if order.expires_in is None else now + order.expires_in * 1000,
        )
        entry = await make_entry(self._live, entry, _finder(entry))
        return json_response(MadeKey(self._view(entry, {}), secret), 201, _FRESH)

    async def show(self, request: web.Request) -> web.Response:
        """Every key, revoked ones too, by name; then those of this service's own file."""
        check_query(request, ())
        used = await self._use.last()
        kept = sorted(self._map.keys.values(), key=lambda key: key.name)
        views = [self._view(key, used) for key in kept]
        hashes = {key.sha256 for key in kept}
        views += [_file_view(key, used) for key in self._keys.own if key.sha256 not in hashes]
        return json_response(KeyList(views), headers=_FRESH)

    async def change(self, request: web.Request) -> web.Response:
        """The key as it is now, and its new secret if it was rotated."""
        check_query(request, ())
        entry = self._find(request)
        order = await read_json(request, KeyChange, self._max_json_bytes)
        audit_facts(request, rotated=order.rotate)
        secret = _new_secret() if order.rotate else None
        entry = await change_entry(
            self._live, entry, lambda key: _changed(key, order, secret, self._clock_ms()), _finder(entry)
        )
        return json_response(MadeKey(self._view(entry, await self._use.last()), secret), headers=_FRESH)

    async def revoke(self, request: web.Request) -> web.Response:
        """The key, refused everywhere from now on. Repeating it changes nothing."""
        check_query(request, ())
        entry = self._find(request)
        if entry.revoked_at is None:
            now = self._clock_ms()
            entry = await change_entry(
                self._live, entry, lambda key: replace(key, revoked_at=key.revoked_at or now), _finder(entry)
            )
        return json_response(self._view(entry, await self._use.last()), headers=_FRESH)

    def _find(self, request: web.Request) -> AccessKey:
        name = request.match_info["key"]
        entry = self._map.keys.get(name)
        if entry is None:
            raise NotFound(f"There is no key {name[:40]!r} in the cluster map.", key=name[:80])
        return entry

    def _view(self, key: AccessKey, used: dict[str, int]) -> KeyView:
        now, previous = self._clock_ms(), key.previous
        expired = key.expires_at is not None and now >= key.expires_at
        return KeyView(
            name=key.name,
            state="revoked" if key.revoked_at is not None else "expired" if expired else "active",
            source="map",
            scopes=key.scopes,
            buckets=key.buckets,
            prefixes=key.prefixes,
            created_at=_time(key.created_at or None),
            rotated_at=_time(key.rotated_at),
            expires_at=_time(key.expires_at),
            previous_until=_time(previous.until if previous and now < previous.until else None),
            last_used=_time(used.get(key.name)),
        )


def _changed(key: AccessKey, order: KeyChange, secret: str | None, now: int) -> AccessKey:
    """`Conflict` for a key that is revoked: it stays so."""
    if key.revoked_at is not None:
        raise Conflict(f"The key {key.name!r} is revoked; make another one.", key=key.name)
    if order.scopes is not UNSET:
        key = replace(key, scopes=order.scopes)
    if order.buckets is not UNSET:
        key = replace(key, buckets=order.buckets)
    if order.prefixes is not UNSET:
        key = replace(key, prefixes=_normal(order.prefixes))
    if order.expires_in is not UNSET:
        key = replace(key, expires_at=None if order.expires_in is None else now + order.expires_in * 1000)
    if secret is None:
        return key
    previous = PreviousSecret(key.sha256, now + order.overlap * 1000) if order.overlap else None
    return replace(key, sha256=hash_api_key(secret), rotated_at=now, previous=previous)


def _new_secret() -> str:
    """256 random bits; the word before them is for programs that search for leaked secrets."""
    return f"atoll_{secrets.token_urlsafe(32)}"


def _normal(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """In the form that public_ids are kept in (NFC)."""
    return tuple(unicodedata.normalize("NFC", prefix) for prefix in prefixes)


def _finder(entry: AccessKey) -> Find:
    return lambda cluster: cluster.keys.get(entry.name)


def _file_view(key: ApiKey, used: dict[str, int]) -> KeyView:
    return KeyView(
        name=key.id,
        state="active",
        source="file",
        scopes=key.sorted_scopes,
        buckets=tuple(sorted(key.buckets)),
        prefixes=key.prefixes,
        created_at=None,
        rotated_at=None,
        expires_at=None,
        previous_until=None,
        last_used=_time(used.get(key.id)),
    )


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
