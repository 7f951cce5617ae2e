"""What administrators ask about upload keys. I/O through the query services.

The part of `AsyncClient` behind `client.upload_keys`; every method needs the scope `admin`. How tickets are
signed with such a key is in offline.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from msgspec import Struct

from atoll.client.query import QueryServices

_PATH = "/v1/upload-keys"


class UploadKeyView(Struct, frozen=True):
    """An upload key, without its secret. `state`: active, expired or revoked. Times are RFC 3339."""

    name: str
    state: str
    buckets: tuple[str, ...]
    prefixes: tuple[str, ...]
    max_bytes: int | None
    max_files: int
    max_seconds: int
    created_at: str | None
    expires_at: str | None


class MadeUploadKey(Struct, frozen=True):
    """A key and, this once, its secret."""

    key: UploadKeyView
    secret: str

    def __repr__(self) -> str:
        return f"MadeUploadKey({self.key.name!r}, …)"


class _Keys(Struct):
    keys: tuple[UploadKeyView, ...]


class UploadKeyCalls:
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def all(self) -> tuple[UploadKeyView, ...]:
        """Every upload key, revoked ones too."""
        return (await self._query.call("GET", _PATH, _Keys)).keys

    async def create(
        self,
        name: str,
        buckets: Iterable[str],
        *,
        prefixes: Iterable[str] = (),
        max_bytes: int | None = None,
        max_files: int = 1,
        max_seconds: int = 3600,
        expires_in: int | None = None,
    ) -> MadeUploadKey:
        """A new upload key; `max_seconds` and `expires_in` in seconds. `Conflict` when the name was given."""
        body = {
            "name": name,
            "buckets": list(buckets),
            "prefixes": list(prefixes),
            "max_bytes": max_bytes,
            "max_files": max_files,
            "max_seconds": max_seconds,
            "expires_in": expires_in,
        }
        return await self._query.call("POST", _PATH, MadeUploadKey, body=body)

    async def revoke(self, name: str) -> UploadKeyView:
        """Nothing that it signed opens anything any more, for good."""
        return await self._query.call("DELETE", f"{_PATH}/{quote(name, safe='')}", UploadKeyView)
