"""Keys as the cluster map has them: API keys, signing keys, upload keys. Pure; frozen wire types.

Secrets are never here, only their hashes (signing.py) and salts (delivery_keys.py, upload_keys.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.model import BucketName, Count, Label, Milliseconds, Sha256

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


class UploadKey(Struct, frozen=True):
    """A key that programs sign tickets with, offline (upload_keys.py): only for these buckets and, if it has
    any, prefixes of public_ids; a ticket brings at most `max_files` files of `max_bytes` each (None: what
    bucket and node allow), and is good for at most `max_seconds`. A revoked one stays in the map.
    """

    name: Label
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    buckets: Annotated[tuple[BucketName, ...], Meta(min_length=1, max_length=64)]
    created_at: Milliseconds = 0
    prefixes: Annotated[tuple[KeyPrefix, ...], Meta(max_length=16)] = ()
    max_bytes: Count | None = None
    max_files: Count = 1
    max_seconds: Count = 3600
    expires_at: Milliseconds | None = None
    revoked_at: Milliseconds | None = None
