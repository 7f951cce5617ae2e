"""API keys: who may call the query service and the monitor. I/O only when loading.

Keys are kept hashed: those of the cluster map (restored from a backup, say) are known everywhere, and every
service has a TOML file of the operator's, with which the first ones begin:

    [[key]]
    id = "admin"
    sha256 = "…64 hex digits of SHA-256 over the key…"
    scopes = ["read", "write", "delete", "admin"]
"""

from __future__ import annotations

import hmac
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from atoll.errors import Forbidden, Unauthorized
from atoll.model import AccessKey, Scope, Sha256
from atoll.settings import SettingsError
from atoll.signing import hash_api_key

SCOPES = frozenset({"read", "write", "delete", "admin"})
MAX_KEY_CHARS = 256
_REMEMBERED = 1024


class _Entry(Struct, forbid_unknown_fields=True):
    """One [[key]] as written in the file."""

    id: Annotated[str, Meta(min_length=1)]
    sha256: Sha256
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's name and what it may do."""

    id: str
    sha256: str
    scopes: frozenset[Scope]

    @property
    def sorted_scopes(self) -> tuple[Scope, ...]:
        """For writing down."""
        return tuple(sorted(self.scopes))


class ApiKeys:
    """The known keys: the operator's file, and the cluster map. `check` is fast enough for every request."""

    def __init__(self, keys: list[ApiKey]) -> None:
        self._own, self._shared = tuple(keys), tuple[ApiKey, ...]()
        self._seen: dict[str, ApiKey] = {}

    @property
    def known(self) -> tuple[ApiKey, ...]:
        """All of them."""
        return (*self._own, *self._shared)

    def share(self, keys: Iterable[AccessKey]) -> None:
        """These are the cluster map's keys now; one that is gone from it is refused from here on."""
        shared = tuple(ApiKey(key.name, key.sha256, frozenset(key.scopes)) for key in keys)
        if shared != self._shared:
            self._shared, self._seen = shared, {}

    def check(self, headers: Mapping[str, str], scope: str) -> ApiKey:
        """The key in `Authorization: Bearer`, if it has `scope`; `Unauthorized` or `Forbidden` otherwise."""
        header = headers.get("Authorization", "")
        key = self._seen.get(header) or self._look_up(header)
        if scope not in key.scopes:
            raise Forbidden(f"The API key {key.id!r} lacks the scope {scope!r}.", scope=scope)
        return key

    def _look_up(self, header: str) -> ApiKey:
        kind, _, token = header.partition(" ")
        # A header's bytes that are no UTF-8 come as lone surrogates, which cannot be hashed.
        if kind.lower() != "bearer" or not token.isascii() or not 1 <= len(token) <= MAX_KEY_CHARS:
            raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
        digest = hash_api_key(token)
        for key in self.known:
            if hmac.compare_digest(key.sha256, digest):
                if len(self._seen) < _REMEMBERED:
                    self._seen[header] = key
                return key
        raise Unauthorized("This API key is not known here.")


def load_api_keys(path: Path) -> ApiKeys:
    """The keys in the file at `path`; `SettingsError` lists every mistake."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("key", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{path}: {error}"]) from error
    if not isinstance(entries, list) or not entries:
        raise SettingsError([f"{path}: has no [[key]]; without one nobody could do anything"])
    mistakes: list[str] = []
    keys = [_read_entry(f"{path}: key {number}", entry, mistakes) for number, entry in enumerate(entries, 1)]
    if mistakes:
        raise SettingsError(mistakes)
    return ApiKeys([key for key in keys if key])


def _read_entry(where: str, entry: object, mistakes: list[str]) -> ApiKey | None:
    try:
        given = msgspec.convert(entry, _Entry)
    except msgspec.ValidationError as error:
        needs = f"needs id, sha256 (64 hex digits), scopes of {sorted(SCOPES)}"
        mistakes.append(f"{where} {needs}: {error}")
        return None
    return ApiKey(given.id, given.sha256, frozenset(given.scopes))
