"""Tickets that a program signs by itself, with an upload key and no cluster asked. Pure; no I/O to sign.

An upload key lies in the map as a random salt and its limits: buckets, prefixes, bytes, files, seconds
(access.py). Its secret is derived with the cluster's, so every node can check what it signed; a
revoked one opens nothing as soon as a node has heard of it. The program names node and set itself, from a
list of the cluster's nodes that it keeps.

    token = NAME ~ base64url(OfflineTicket as JSON) . HMAC-SHA256 over the name and that text

What the program says is not believed beyond the key's limits, and it chooses no ids: the ticket's id and the
asset's follow from a hash of the whole token, so that no ticket can take the use, or the asset, of another.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from atoll.access import UploadKey
from atoll.delivery_keys import last_word
from atoll.durability import Durability
from atoll.errors import Forbidden, TicketExpired, TicketInvalid
from atoll.ids import hashed_id
from atoll.model import (
    AltText,
    BucketName,
    Context,
    Count,
    Extension,
    FormField,
    Identifier,
    Label,
    Milliseconds,
    Size,
    Tags,
    Title,
)
from atoll.signing import CLOCK_LEEWAY_MS, MAX_TOKEN_CHARS, Keys, derived_key, seal, seal_matches
from atoll.uploaders import Session

MARK = "~"  # in a label and in base64url there is none
_WRITTEN = "up_"  # so that no signing key is taken for an upload key
_PURPOSE = "ticket"
Nonce = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,64}$(?!\n)")]


class UploadSecret(NamedTuple):
    """An upload key as the program has it: its name, and 32 bytes."""

    name: str
    secret: bytes

    def __repr__(self) -> str:
        return f"UploadSecret({self.name!r}, …)"

    def written(self) -> str:
        """As it is given away; read by `read_upload_key`."""
        return f"{_WRITTEN}{self.name}.{base64.urlsafe_b64encode(self.secret).rstrip(b'=').decode()}"


class OfflineTicket(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a program signs; see `Ticket`. Limits that are None are the key's, the bucket's and the node's.

    `nonce` is new for each ticket. `issued_at` may not lie ahead of the node's clock.
    """

    node: Label
    set: Label
    bucket: BucketName
    nonce: Nonce
    issued_at: Milliseconds
    expires_at: Milliseconds
    files: Count = 1
    public_id: str | None = None
    max_bytes: Size | None = None
    max_pixels: Count | None = None
    allowed: tuple[Extension, ...] | None = None
    tags: Tags = ()
    context: Context = {}
    title: Title = ""
    alt: AltText = ""
    durability: Durability | None = None
    overwrite: bool = True
    session: Session | None = None
    form_fields: tuple[FormField, ...] = ()


class Opened(NamedTuple):
    """A ticket that an upload key signed: within its key's limits, and not expired."""

    key: UploadKey
    ticket: OfflineTicket
    ticket_id: Identifier
    asset_id: Identifier


def upload_secret(keys: Keys, entry: UploadKey) -> UploadSecret:
    """The secret that an entry of the map stands for."""
    return UploadSecret(entry.name, derived_key(keys.upload, entry.name, entry.salt))


def read_upload_key(text: str) -> UploadSecret:
    """The key in what `written` made, or in the line that showed it (`kiosk  up_kiosk.…`); ValueError."""
    word = last_word(text)
    name, dot, secret = word.removeprefix(_WRITTEN).partition(".")
    raw = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    if not word.startswith(_WRITTEN) or not name or not dot or len(raw) != 32:
        raise ValueError(f"an upload key is {_WRITTEN}, a name, a dot and 43 characters of base64url")
    return UploadSecret(name, raw)


def new_nonce() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def sign_offline(ticket: OfflineTicket, key: UploadSecret) -> str:
    """`ticket` as a token; ValueError when it is too long for a URL."""
    body = base64.urlsafe_b64encode(msgspec.json.encode(ticket)).rstrip(b"=").decode()
    token = f"{key.name}{MARK}{body}.{seal(key.secret, _PURPOSE, _signed(key.name, body))}"
    if len(token) > MAX_TOKEN_CHARS:
        raise ValueError(f"a ticket has at most {MAX_TOKEN_CHARS} characters; this one has {len(token)}")
    return token


def open_offline(token: str, keys: Keys, entries: Mapping[str, UploadKey], now_ms: int) -> Opened:
    """The ticket in `token`, signed by one of the map's `entries`.

    `TicketInvalid`, `TicketExpired`, or `Forbidden` beyond what its key may sign.
    """
    entry, body = _verified(token, keys, entries)
    if entry.revoked_at is not None or (entry.expires_at is not None and now_ms >= entry.expires_at):
        raise _invalid(f"the upload key {entry.name!r} is revoked or has expired")
    ticket = _read(body)
    _check_times(ticket, entry, now_ms)
    _check_reach(ticket, entry)
    ids = (hashed_id(ticket.issued_at, kind, entry.name, body) for kind in ("ticket", "asset"))
    return Opened(entry, ticket, *ids)


def bucket_of(token: str, keys: Keys, entries: Mapping[str, UploadKey]) -> str:
    """The bucket that a signed ticket names, expired or not; `TicketInvalid`."""
    return _read(_verified(token, keys, entries)[1]).bucket


def _verified(token: str, keys: Keys, entries: Mapping[str, UploadKey]) -> tuple[UploadKey, str]:
    """The key that signed the token, and what it signed."""
    name, _, rest = token.partition(MARK)
    body, dot, mac = rest.partition(".")
    if len(token) > MAX_TOKEN_CHARS or not dot or not token.isascii():
        raise _invalid("it is not of their form")
    entry = entries.get(name)
    if entry is None:
        raise _invalid("no upload key of that name is known here")
    if not seal_matches(upload_secret(keys, entry).secret, _PURPOSE, _signed(name, body), mac):
        raise _invalid("the signature does not match")
    return entry, body


def _read(body: str) -> OfflineTicket:
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=OfflineTicket)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise _invalid(str(error)) from error


def _check_times(ticket: OfflineTicket, key: UploadKey, now_ms: int) -> None:
    """A version follows from `issued_at`: one from the future would win over all that come before then."""
    if ticket.issued_at > now_ms + CLOCK_LEEWAY_MS:
        raise _invalid("it is from the future: set the clock of the machine that signed it")
    seconds = (ticket.expires_at - ticket.issued_at) / 1000
    if not 0 < seconds <= key.max_seconds:
        raise _beyond(key, "seconds", key.max_seconds, seconds)
    if now_ms >= ticket.expires_at:
        raise TicketExpired(
            "The ticket has expired. Sign a new one.", expired_at=ticket.expires_at, now=now_ms
        )


def _check_reach(ticket: OfflineTicket, key: UploadKey) -> None:
    if ticket.bucket not in key.buckets:
        raise _beyond(key, "bucket", ", ".join(key.buckets), ticket.bucket)
    if key.prefixes and not (ticket.public_id or "").startswith(key.prefixes):
        raise _beyond(key, "public_id", ", ".join(f"{prefix}…" for prefix in key.prefixes), ticket.public_id)
    if ticket.files > key.max_files:
        raise _beyond(key, "files", key.max_files, ticket.files)


def _signed(name: str, body: str) -> bytes:
    return f"{name}{MARK}{body}".encode()


def _invalid(why: str) -> TicketInvalid:
    return TicketInvalid(f"The ticket cannot be used: {why}.")


def _beyond(key: UploadKey, what: str, limit: object, got: object) -> Forbidden:
    return Forbidden(
        f"The upload key {key.name!r} does not sign for this: {what}.", limit=limit, got=got, member=what
    )
