"""/v1/signing-keys: the keys that sign delivery URLs. Writes the map; their meaning is in delivery_keys.py.

Owns the rule that some key is left to sign. Showing a new key's secret is for programs that sign URLs by
themselves; no daemon needs to be told it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web
from msgspec.structs import replace

from atoll.access import SigningKey
from atoll.cluster_map import LiveClusterMap
from atoll.delivery_keys import CLUSTER, Ring, delivery_key, key_id
from atoll.errors import Conflict, NotFound, TooLarge
from atoll.http import json_response, read_json
from atoll.node_api import rfc3339
from atoll.signing import Keys
from query_service.audit_guard import audit_facts
from query_service.keys_wire import (
    MadeSigningKey,
    SigningKeyChange,
    SigningKeyList,
    SigningKeyOrder,
    SigningKeyView,
)
from query_service.map_entries import Find, change_entry, make_entry
from query_service.query_input import check_query
from query_service.routing import Route

MAX_SIGNING_KEYS = 64
_FRESH = {"Cache-Control": "no-store"}


class SigningKeysApi:
    """For administrators. `clock_ms` gives Unix milliseconds."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        keys: Keys,
        ring: Ring,
        max_json_bytes: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._live, self._keys, self._ring = cluster, keys, ring
        self._max_json_bytes, self._clock_ms = max_json_bytes, clock_ms

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("POST", "/v1/signing-keys", "admin", self.make, reach="whole"),
            Route("GET", "/v1/signing-keys", "admin", self.show, reach="whole"),
            Route("PATCH", "/v1/signing-keys/{key}", "admin", self.change, reach="whole"),
        ]

    async def make(self, request: web.Request) -> web.Response:
        """201 with the key and its secret. It signs here some seconds later, when every node knows it."""
        check_query(request, ())
        order = await read_json(request, SigningKeyOrder, self._max_json_bytes)
        name = order.name or f"k{secrets.token_hex(4)}"
        audit_facts(request, key=name)
        if name == CLUSTER or name in self._live.current.signing:
            raise Conflict(f"There is, or was, a signing key {name!r}: names are given once.", key=name)
        if len(self._live.current.signing) >= MAX_SIGNING_KEYS:
            raise TooLarge(f"A cluster has at most {MAX_SIGNING_KEYS} signing keys.", limit=MAX_SIGNING_KEYS)
        entry = SigningKey(name, secrets.token_hex(32), self._clock_ms())
        entry = await make_entry(self._live, entry, _finder(entry))
        made = MadeSigningKey(self._view(entry), delivery_key(self._keys, entry).written())
        return json_response(made, 201, _FRESH)

    async def show(self, request: web.Request) -> web.Response:
        """The cluster's own key, then the others as they were made; revoked ones too."""
        check_query(request, ())
        known = self._live.current.signing
        own = known.get(CLUSTER, _own())
        others = sorted((key for key in known.values() if key.name != CLUSTER), key=lambda k: k.created_at)
        return json_response(SigningKeyList([self._view(key) for key in (own, *others)]), headers=_FRESH)

    async def change(self, request: web.Request) -> web.Response:
        """Retire a key, take it back, or revoke it."""
        check_query(request, ())
        name = request.match_info["key"]
        known = self._live.current.signing.get(name, _own() if name == CLUSTER else None)
        if known is None:
            raise NotFound(f"There is no signing key {name[:40]!r}.", key=name[:80])
        order = await read_json(request, SigningKeyChange, self._max_json_bytes)
        audit_facts(request, state=order.state)
        self._check(known, order)
        if name == CLUSTER and name not in self._live.current.signing:
            entry = await make_entry(self._live, replace(known, state=order.state), _finder(known))
        else:
            entry = await change_entry(self._live, known, lambda key: _changed(key, order), _finder(known))
        return json_response(self._view(entry), headers=_FRESH)

    def _check(self, known: SigningKey, order: SigningKeyChange) -> None:
        """`Conflict` unless another active key is left to sign."""
        signing = self._live.current.signing
        active = {key.name for key in signing.values() if key.state == "active"}
        if CLUSTER not in signing:
            active.add(CLUSTER)
        if order.state != "active" and not active - {known.name}:
            raise Conflict(
                "No active key would be left to sign with: make another one first.", key=known.name
            )

    def _view(self, key: SigningKey) -> SigningKeyView:
        name = key_id(self._keys) if key.name == CLUSTER else key.name
        created = rfc3339(key.created_at) if key.created_at else None
        return SigningKeyView(key.name, name, key.state, self._ring().newest.id == name, created)


def _changed(key: SigningKey, order: SigningKeyChange) -> SigningKey:
    if key.state == "revoked" != order.state:
        raise Conflict(f"The signing key {key.name!r} is revoked for good.", key=key.name)
    return replace(key, state=order.state)


def _own() -> SigningKey:
    """The entry that stands for the key that follows from the secret; its salt says nothing."""
    return SigningKey(CLUSTER, "0" * 64)


def _finder(entry: SigningKey) -> Find:
    return lambda cluster: cluster.signing.get(entry.name)
