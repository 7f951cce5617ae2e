"""What this service is asked and answers about API keys and signing keys. Pure. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from atoll.access import KeyPrefix, Scope
from atoll.model import BucketName, Label

MAX_SECONDS = 10 * 366 * 86400
Expiry = Annotated[int, Meta(ge=1, le=MAX_SECONDS)]
Overlap = Annotated[int, Meta(ge=0, le=366 * 86400)]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=4)]
Buckets = Annotated[tuple[BucketName, ...], Meta(max_length=64)]
Prefixes = Annotated[tuple[KeyPrefix, ...], Meta(max_length=16)]


class KeyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for an API key; without `buckets` it reaches all, without `prefixes` all public_ids.

    `expires_in`: seconds from now; without it the key is good until it is revoked.
    """

    name: Label
    scopes: Scopes
    buckets: Buckets = ()
    prefixes: Prefixes = ()
    expires_in: Expiry | None = None


class KeyChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be different. With `rotate` the key gets a new secret, and the present one is good for
    `overlap` seconds more (0: it ends now).
    """

    scopes: Scopes | UnsetType = UNSET
    buckets: Buckets | UnsetType = UNSET
    prefixes: Prefixes | UnsetType = UNSET
    expires_in: Expiry | UnsetType | None = UNSET
    rotate: bool = False
    overlap: Overlap = 86400


class KeyView(Struct, frozen=True):
    """An API key, without its secret, which nobody knows. `source`: the cluster map, or this service's file.

    `last_used` is told to the minute; `previous_until`: so long the secret before the last rotation is good.
    """

    name: str
    state: Literal["active", "expired", "revoked"]
    source: Literal["map", "file"]
    scopes: tuple[Scope, ...]
    buckets: tuple[str, ...]
    prefixes: tuple[str, ...]
    created_at: str | None
    rotated_at: str | None
    expires_at: str | None
    previous_until: str | None
    last_used: str | None


class MadeKey(Struct, frozen=True):
    """A key and, this once, its secret; null when it did not change."""

    key: KeyView
    secret: str | None


class KeyList(Struct, frozen=True):
    """Every API key."""

    keys: list[KeyView]


class SigningKeyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for a signing key; without a name it gets one."""

    name: Label | None = None


class SigningKeyChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a signing key is to be: `retired` signs no more, `revoked` closes its URLs and is for good."""

    state: Literal["active", "retired", "revoked"]


class SigningKeyView(Struct, frozen=True):
    """A signing key. `id` stands in URLs; `signs`: it is the one that this service signs with now."""

    name: str
    id: str
    state: Literal["active", "retired", "revoked"]
    signs: bool
    created_at: str | None


class MadeSigningKey(Struct, frozen=True):
    """A signing key and its secret, for programs that sign URLs themselves."""

    key: SigningKeyView
    secret: str


class SigningKeyList(Struct, frozen=True):
    """Every signing key, the cluster's own first."""

    keys: list[SigningKeyView]
