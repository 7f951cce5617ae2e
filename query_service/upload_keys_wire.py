"""What this service is asked and answers about upload keys. Pure. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.model import BucketName, Label
from query_service.keys_wire import Expiry, Prefixes

MAX_TICKET_SECONDS = 7 * 86_400  # used tickets are remembered a day longer than they live


class UploadKeyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for an upload key. It signs for these buckets only, and with `prefixes` for names that begin so.

    One ticket brings at most `max_files` files of `max_bytes` each, and lives `max_seconds` at most.
    `expires_in`: seconds from now; without it the key is good until it is revoked.
    """

    name: Label
    buckets: Annotated[tuple[BucketName, ...], Meta(min_length=1, max_length=64)]
    prefixes: Prefixes = ()
    max_bytes: Annotated[int, Meta(ge=1)] | None = None
    max_files: Annotated[int, Meta(ge=1, le=1000)] = 1
    max_seconds: Annotated[int, Meta(ge=1, le=MAX_TICKET_SECONDS)] = 3600
    expires_in: Expiry | None = None


class UploadKeyView(Struct, frozen=True):
    """An upload key, without its secret."""

    name: str
    state: Literal["active", "expired", "revoked"]
    buckets: tuple[str, ...]
    prefixes: tuple[str, ...]
    max_bytes: int | None
    max_files: int
    max_seconds: int
    created_at: str | None
    expires_at: str | None


class MadeUploadKey(Struct, frozen=True):
    """An upload key and its secret, for the program that signs tickets with it."""

    key: UploadKeyView
    secret: str


class UploadKeyList(Struct, frozen=True):
    """Every upload key."""

    keys: list[UploadKeyView]
