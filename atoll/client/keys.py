"""What administrators ask about API keys, signing keys and the audit record. I/O through the query services.

The part of `AsyncClient` behind `client.keys`; every method needs the scope `admin` and raises `AtollError`
classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from msgspec import Struct

from atoll.client.query import QueryServices


class KeyView(Struct, frozen=True):
    """An API key, without its secret. `state`: active, expired or revoked. Times are RFC 3339."""

    name: str
    state: str
    source: str
    scopes: tuple[str, ...]
    buckets: tuple[str, ...]
    prefixes: tuple[str, ...]
    created_at: str | None
    rotated_at: str | None
    expires_at: str | None
    previous_until: str | None
    last_used: str | None


class MadeKey(Struct, frozen=True):
    """A key and, this once, its secret."""

    key: KeyView
    secret: str | None


class SigningKeyView(Struct, frozen=True):
    """A key for delivery URLs. `state`: active, retired or revoked; `signs`: the service that answered uses
    it.
    """

    name: str
    id: str
    state: str
    signs: bool
    created_at: str | None


class MadeSigningKey(Struct, frozen=True):
    """A signing key and its secret, for programs that sign URLs themselves."""

    key: SigningKeyView
    secret: str


class AuditEntry(Struct, frozen=True):
    """What an administrator did."""

    at: str
    key: str
    method: str
    path: str
    status: int
    result: str
    service: str
    address: str
    facts: dict[str, str]


class AuditPage(Struct, frozen=True):
    """One page; `next_cursor` asks for older records."""

    records: tuple[AuditEntry, ...]
    next_cursor: str | None


class _Keys(Struct):
    keys: tuple[KeyView, ...]


class _SigningKeys(Struct):
    keys: tuple[SigningKeyView, ...]


class KeyCalls:
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def all(self) -> tuple[KeyView, ...]:
        """Every API key, revoked ones too."""
        return (await self._query.call("GET", "/v1/keys", _Keys)).keys

    async def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        buckets: Iterable[str] = (),
        prefixes: Iterable[str] = (),
        expires_in: int | None = None,
    ) -> MadeKey:
        """A new API key; `expires_in` in seconds. `Conflict` when the name was ever given."""
        body = {
            "name": name,
            "scopes": list(scopes),
            "buckets": list(buckets),
            "prefixes": list(prefixes),
            "expires_in": expires_in,
        }
        return await self._query.call("POST", "/v1/keys", MadeKey, body=body)

    async def rotate(self, name: str, *, overlap: int = 86400) -> MadeKey:
        """A new secret; the present one is good for `overlap` seconds more."""
        return await self.change(name, {"rotate": True, "overlap": overlap})

    async def change(self, name: str, changes: Mapping[str, object]) -> MadeKey:
        """Other scopes, buckets, prefixes, expires_in (seconds from now, or None)."""
        path = f"/v1/keys/{quote(name, safe='')}"
        return await self._query.call("PATCH", path, MadeKey, body=dict(changes))

    async def revoke(self, name: str) -> KeyView:
        """Refused everywhere from now on, for good."""
        return await self._query.call("DELETE", f"/v1/keys/{quote(name, safe='')}", KeyView)

    async def signing(self) -> tuple[SigningKeyView, ...]:
        """Every signing key, the cluster's own first."""
        return (await self._query.call("GET", "/v1/signing-keys", _SigningKeys)).keys

    async def create_signing(self, name: str | None = None) -> MadeSigningKey:
        """A new signing key."""
        return await self._query.call("POST", "/v1/signing-keys", MadeSigningKey, body={"name": name})

    async def change_signing(self, name: str, state: str) -> SigningKeyView:
        """`retired` signs no more, `revoked` closes its URLs at once and is for good."""
        path = f"/v1/signing-keys/{quote(name, safe='')}"
        return await self._query.call("PATCH", path, SigningKeyView, body={"state": state})

    async def audit(self, limit: int = 100, cursor: str | None = None) -> AuditPage:
        """What administrators did, the newest first."""
        params = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return await self._query.call("GET", "/v1/audit", AuditPage, params=params)
