"""API keys: who may call the query service and the monitor, and what for. I/O only when loading.

Keys are kept hashed: those of the cluster map (made by `POST /v1/keys`) are known everywhere, and every
service has a TOML file of the operator's, with which the first ones begin:

    [[key]]
    id = "admin"
    sha256 = "…64 hex digits of SHA-256 over the key…"
    scopes = ["read", "write", "delete", "admin"]
    buckets = ["photos"]          # optional: only these
    prefixes = ["team-a/"]        # optional: only public_ids that begin so

A key that was rotated has two secrets until the older one's end.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from atoll.access import AccessKey, KeyPrefix, Scope
from atoll.errors import Forbidden, Unauthorized
from atoll.ids import now_ms
from atoll.model import BucketName, Sha256
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
    buckets: tuple[BucketName, ...] = ()
    prefixes: tuple[KeyPrefix, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One secret of a key: its hash, what may be done with it, and until when (Unix ms; None: for ever).

    Without `buckets` it reaches all buckets, without `prefixes` all public_ids.
    """

    id: str
    sha256: str
    scopes: frozenset[Scope]
    buckets: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    until: int | None = None

    @property
    def sorted_scopes(self) -> tuple[Scope, ...]:
        """For writing down."""
        return tuple(sorted(self.scopes))

    @property
    def limited(self) -> bool:
        """Whether it reaches only a part of what there is."""
        return bool(self.buckets or self.prefixes)

    def reaches_bucket(self, bucket: str) -> bool:
        """Whether something in the bucket is in its reach."""
        return not self.buckets or bucket in self.buckets

    def reaches(self, bucket: str, public_id: str) -> bool:
        """Whether this asset is in its reach."""
        return self.reaches_bucket(bucket) and (not self.prefixes or public_id.startswith(self.prefixes))


class ApiKeys:
    """The known keys: the operator's file, and the cluster map. `check` is fast enough for every request."""

    def __init__(self, keys: Iterable[ApiKey], clock_ms: Callable[[], int] = now_ms) -> None:
        self.own = tuple(keys)
        self._clock_ms = clock_ms
        self._shared: tuple[AccessKey, ...] = ()
        self._by_hash = {key.sha256: key for key in reversed(self.own)}
        self._by_id = _by_id(self._by_hash.values())
        self._seen: dict[str, ApiKey] = {}
        self._used: set[str] = set()

    def share(self, keys: Iterable[AccessKey]) -> None:
        """These are the cluster map's keys now; one that is gone from it, or revoked in it, is refused from
        here on, even if the operator's file has it."""
        shared = tuple(keys)
        if shared == self._shared:
            return
        by_hash = {key.sha256: key for key in reversed(self.own)}
        for entry in shared:
            by_hash |= {key.sha256: key for key in _secrets(entry) if key.sha256 not in by_hash}
        for entry in shared:
            if entry.revoked_at is not None:
                by_hash.pop(entry.sha256, None)
        self._shared, self._by_hash, self._seen = shared, by_hash, {}
        self._by_id = _by_id(by_hash.values())

    def check(self, headers: Mapping[str, str], scope: str) -> ApiKey:
        """The key in `Authorization: Bearer`, if it has `scope`; `Unauthorized` or `Forbidden` otherwise."""
        header = headers.get("Authorization", "")
        return self.admit(self._seen.get(header) or self._look_up(header), scope)

    def admit(self, key: ApiKey, scope: str) -> ApiKey:
        """The key, if it is good still and has `scope`; it counts as used."""
        self._check_time(key)
        self._used.add(key.id)
        if scope not in key.scopes:
            raise Forbidden(f"The API key {key.id!r} lacks the scope {scope!r}.", scope=scope)
        return key

    def known(self, secret: str) -> ApiKey:
        """The key with this secret, if it is good now; `Unauthorized`."""
        key = self._by_secret(secret)
        self._check_time(key)
        return key

    def secrets_of(self, key_id: str) -> tuple[ApiKey, ...]:
        """The secrets that a key has now: none if nobody knows it or it is revoked, two while it rotates."""
        return self._by_id.get(key_id, ())

    def take_used(self) -> set[str]:
        """The ids of the keys that were used since this was last asked."""
        used, self._used = self._used, set()
        return used

    def _check_time(self, key: ApiKey) -> None:
        if key.until is not None and self._clock_ms() >= key.until:
            raise Unauthorized("This API key has expired.", expired_at=key.until)

    def _look_up(self, header: str) -> ApiKey:
        kind, _, token = header.partition(" ")
        # A header's bytes that are no UTF-8 come as lone surrogates, which cannot be hashed.
        if kind.lower() != "bearer" or not token.isascii() or not 1 <= len(token) <= MAX_KEY_CHARS:
            raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
        key = self._by_secret(token)
        if len(self._seen) < _REMEMBERED:
            self._seen[header] = key
        return key

    def _by_secret(self, secret: str) -> ApiKey:
        # How long this takes may tell something of hashes that are known, and so nothing of their keys.
        key = self._by_hash.get(hash_api_key(secret)) if secret.isascii() else None
        if key is None:
            raise Unauthorized("This API key is not known here.")
        return key


def check_unlimited(key: ApiKey) -> None:
    """`Forbidden` for a limited key where the whole cluster is meant."""
    if key.limited:
        raise Forbidden(f"The API key {key.id!r} is limited; this is about the whole cluster.")


def _by_id(keys: Iterable[ApiKey]) -> dict[str, tuple[ApiKey, ...]]:
    found: dict[str, tuple[ApiKey, ...]] = {}
    for key in keys:
        found[key.id] = (*found.get(key.id, ()), key)
    return found


def _secrets(entry: AccessKey) -> Iterable[ApiKey]:
    """The live secrets of a key of the map: one, or two while it is being rotated."""
    if entry.revoked_at is not None:
        return
    facts = (frozenset(entry.scopes), frozenset(entry.buckets), entry.prefixes)
    yield ApiKey(entry.name, entry.sha256, *facts, entry.expires_at)
    if entry.previous is not None:
        ends = [end for end in (entry.previous.until, entry.expires_at) if end is not None]
        yield ApiKey(entry.name, entry.previous.sha256, *facts, min(ends))


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
    return ApiKey(
        given.id, given.sha256, frozenset(given.scopes), frozenset(given.buckets), tuple(given.prefixes)
    )
