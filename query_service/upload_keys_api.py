"""/v1/upload-keys: the keys that programs sign upload tickets with, offline. Writes the cluster map.

Owns the rules: a key is limited to buckets, its name is given once, a revoked one does not come back. What a
key may sign for, and how nodes check it, is in atoll/upload_keys.py. Refused while the map cannot be written.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable

from aiohttp import web
from msgspec.structs import replace

from atoll.access import UploadKey
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict, NotFound, TooLarge
from atoll.http import json_response, read_json
from atoll.node_api import rfc3339
from atoll.signing import Keys
from atoll.upload_keys import upload_secret
from query_service.audit_guard import audit_facts
from query_service.map_entries import Find, change_entry, make_entry
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.upload_keys_wire import MadeUploadKey, UploadKeyList, UploadKeyOrder, UploadKeyView

MAX_UPLOAD_KEYS = 1000  # with revoked ones: all daemons hold them in memory
_FRESH = {"Cache-Control": "no-store"}


class UploadKeysApi:
    """For administrators. `clock_ms` gives Unix milliseconds."""

    def __init__(
        self, cluster: LiveClusterMap, keys: Keys, max_json_bytes: int, clock_ms: Callable[[], int]
    ) -> None:
        self._live, self._keys = cluster, keys
        self._max_json_bytes, self._clock_ms = max_json_bytes, clock_ms

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("POST", "/v1/upload-keys", "admin", self.make, reach="whole"),
            Route("GET", "/v1/upload-keys", "admin", self.show, reach="whole"),
            Route("DELETE", "/v1/upload-keys/{key}", "admin", self.revoke, reach="whole"),
        ]

    async def make(self, request: web.Request) -> web.Response:
        """201 with the key and its secret. A ticket that it signs may reach a node before the news of it."""
        check_query(request, ())
        order = await read_json(request, UploadKeyOrder, self._max_json_bytes)
        audit_facts(request, key=order.name)
        known = self._live.current
        if order.name in known.upload_keys:
            raise Conflict(f"There is, or was, an upload key {order.name!r}.", key=order.name)
        if len(known.upload_keys) >= MAX_UPLOAD_KEYS:
            raise TooLarge(f"A cluster has at most {MAX_UPLOAD_KEYS} upload keys.", limit=MAX_UPLOAD_KEYS)
        for bucket in order.buckets:
            known.bucket(bucket)
        entry = _entry(order, self._clock_ms())
        entry = await make_entry(self._live, entry, _finder(entry))
        made = MadeUploadKey(self._view(entry), upload_secret(self._keys, entry).written())
        return json_response(made, 201, _FRESH)

    async def show(self, request: web.Request) -> web.Response:
        """By name; revoked ones too."""
        check_query(request, ())
        keys = sorted(self._live.current.upload_keys.values(), key=lambda key: key.name)
        return json_response(UploadKeyList([self._view(key) for key in keys]), headers=_FRESH)

    async def revoke(self, request: web.Request) -> web.Response:
        """The key; what it signs, and has signed, opens nothing from now on. Repeating it changes nothing."""
        check_query(request, ())
        name = request.match_info["key"]
        entry = self._live.current.upload_keys.get(name)
        if entry is None:
            raise NotFound(f"There is no upload key {name[:40]!r}.", key=name[:80])
        if entry.revoked_at is None:
            now = self._clock_ms()
            entry = await change_entry(
                self._live, entry, lambda key: replace(key, revoked_at=key.revoked_at or now), _finder(entry)
            )
        return json_response(self._view(entry), headers=_FRESH)

    def _view(self, key: UploadKey) -> UploadKeyView:
        expired = key.expires_at is not None and self._clock_ms() >= key.expires_at
        return UploadKeyView(
            name=key.name,
            state="revoked" if key.revoked_at is not None else "expired" if expired else "active",
            buckets=key.buckets,
            prefixes=key.prefixes,
            max_bytes=key.max_bytes,
            max_files=key.max_files,
            max_seconds=key.max_seconds,
            created_at=rfc3339(key.created_at) if key.created_at else None,
            expires_at=None if key.expires_at is None else rfc3339(key.expires_at),
        )


def _entry(order: UploadKeyOrder, now: int) -> UploadKey:
    return UploadKey(
        name=order.name,
        salt=secrets.token_hex(32),
        buckets=order.buckets,
        created_at=now,
        prefixes=tuple(unicodedata.normalize("NFC", prefix) for prefix in order.prefixes),
        max_bytes=order.max_bytes,
        max_files=order.max_files,
        max_seconds=order.max_seconds,
        expires_at=None if order.expires_in is None else now + order.expires_in * 1000,
    )


def _finder(entry: UploadKey) -> Find:
    return lambda cluster: cluster.upload_keys.get(entry.name)
