"""Keys as the cluster map has them: API keys and signing keys. Pure; frozen wire types.

Secrets are never here, only their hashes (signing.py) and salts (delivery_keys.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.model import BucketName, Label, Milliseconds, Sha256

Scope = Literal["read", "write", "delete", "admin"]


KeyPrefix = Annotated[str, Meta(min_length=1, max_length=512)]


class PreviousSecret(Struct, frozen=True):
    """The hash of the secret that a key had before it was rotated; good until `until`."""

    sha256: Sha256
    until: Milliseconds


class AccessKey(Struct, frozen=True):
    """An API key that the whole cluster knows: its hash (see `signing.hash_api_key`), never itself.

    `buckets` and `prefixes` (of public_ids) limit it to these; without any it is not limited. A revoked one
    stays in the map, so that no old backup or copy of it brings the key back, and its name is not reused.
    """

    name: Label
    sha256: Sha256
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    created_at: Milliseconds = 0
    buckets: Annotated[tuple[BucketName, ...], Meta(max_length=64)] = ()
    prefixes: Annotated[tuple[KeyPrefix, ...], Meta(max_length=16)] = ()
    expires_at: Milliseconds | None = None
    rotated_at: Milliseconds | None = None
    revoked_at: Milliseconds | None = None
    previous: PreviousSecret | None = None


class SigningKey(Struct, frozen=True):
    """A key for delivery URLs: delivery_keys.py derives it from the cluster's secret and `salt` (hex)."""

    name: Label
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    created_at: Milliseconds = 0
    state: Literal["active", "retired", "revoked"] = "active"
