"""Everything that is signed: tickets, internal calls, delivery URLs, events, map entries. Pure.

One cluster secret, one derived key per purpose (HKDF-Expand of RFC 5869 with one block), so that a
signature made for one purpose is worthless for another. HMAC-SHA256 throughout, compared in constant
time. A token is `base64url(json).base64url(mac)`; its expiry is inside the signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TypeVar

import msgspec
from msgspec import Struct

from atoll.durability import LOCAL, Durability
from atoll.errors import TicketExpired, TicketInvalid, Unauthorized
from atoll.model import (
    AltText,
    BucketName,
    Context,
    Extension,
    FormField,
    Identifier,
    Label,
    Milliseconds,
    Sha256,
    Size,
    Tags,
    Title,
    Uploader,
)

MIN_SECRET_BYTES = 32
MAX_TOKEN_CHARS = 6144
INTERNAL_TOKEN_MS = 60_000
CLOCK_LEEWAY_MS = 30_000  # how far the clocks of two of our machines may differ
_MAC_CHARS = 43  # base64url of 32 bytes, no padding


class Keys:
    """The derived keys of one cluster secret. Never printed."""

    __slots__ = (
        "delivery",
        "event",
        "internal",
        "join",
        "map_entry",
        "session",
        "signing",
        "ticket",
        "upload",
    )

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(
                f"the cluster secret has {len(secret)} bytes; at least {MIN_SECRET_BYTES} are needed"
            )
        self.ticket = _derive(secret, b"ticket")
        self.internal = _derive(secret, b"internal")
        self.delivery = _derive(secret, b"delivery")
        self.event = _derive(secret, b"event")
        self.map_entry = _derive(secret, b"map entry")
        self.signing = _derive(secret, b"signing keys")
        self.upload = _derive(secret, b"upload keys")
        self.join = _derive(secret, b"join tokens")
        self.session = _derive(secret, b"web sessions")

    def __repr__(self) -> str:
        return "Keys(…)"


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"atoll/v1/" + purpose + b"\x01", "sha256")


def derived_key(key: bytes, name: str, salt: str) -> bytes:
    """A key of its own under `key`, for a name and a public random salt."""
    return _mac(key, f"{name}\n{salt}".encode())


class Ticket(Struct, frozen=True):
    """A single-use permission to upload to one named node, with its limits.

    The upload's asset ids and versions derive from `ticket_id` and `asset_id`, so that sending the same
    bytes again with the same ticket gives the same assets. `eager`: transformations, in canonical text, to be
    rendered as soon as the bytes are stored, beside those that the bucket names. Without `overwrite` a
    taken name is refused. `by`: who uploads (uploaders.py). `form_fields`: what a form may add. `origin`:
    the page that may use it beside those of the bucket: the web app's own, which asked for it.
    """

    ticket_id: Identifier
    node: Label
    set: Label
    bucket: BucketName
    asset_id: Identifier
    expires_at: Milliseconds
    max_bytes: Size
    max_files: int = 1
    public_id: str | None = None
    max_pixels: Size | None = None
    allowed: tuple[Extension, ...] | None = None
    tags: Tags = ()
    context: Context = {}
    title: Title = ""
    alt: AltText = ""
    durability: Durability = LOCAL
    eager: tuple[str, ...] = ()
    background: bool = False
    overwrite: bool = True
    by: Uploader = ""
    form_fields: tuple[FormField, ...] = ()
    origin: str = ""


class InternalToken(Struct, frozen=True):
    """A call from one daemon to a node: who, to whom, which request, until when.

    `body`: the SHA-256 of what the request carries, or who overhears a token could send an order of his own.
    """

    caller: Label
    node: Label
    request: str
    body: Sha256
    expires_at: Milliseconds


T = TypeVar("T", Ticket, InternalToken)


def _mac(key: bytes, message: bytes) -> bytes:
    # Not hmac.digest: that lets go of the GIL for a microsecond's work, and a busy loop waits long for it.
    return hmac.new(key, message, "sha256").digest()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    if not text.isascii() or any(char in text for char in "+/="):
        raise ValueError("not base64url")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def base64url(data: bytes) -> str:
    """Base64url without padding."""
    return _b64(data)


def from_base64url(text: str) -> bytes:
    """The bytes; ValueError for other text."""
    return _unb64(text)


def sign_token(payload: Ticket | InternalToken, key: bytes) -> str:
    """`payload` as a token under `key`."""
    body = _b64(msgspec.json.encode(payload))
    return f"{body}.{_b64(_mac(key, body.encode()))}"


def _open_token(token: str, kind: type[T], key: bytes) -> T:
    body, dot, mac = token.partition(".")
    if len(token) > MAX_TOKEN_CHARS or not dot or not token.isascii():
        raise ValueError("not a token")
    if not hmac.compare_digest(_b64(_mac(key, body.encode())), mac):
        raise ValueError("the signature does not match")
    try:
        return msgspec.json.decode(_unb64(body), type=kind)
    except (msgspec.MsgspecError, binascii.Error) as error:
        raise ValueError(str(error)) from error


def open_ticket(token: str, keys: Keys, now_ms: int) -> Ticket:
    """The ticket in `token`; `TicketInvalid` or `TicketExpired` (with how long ago, in seconds)."""
    try:
        ticket = _open_token(token, Ticket, keys.ticket)
    except ValueError as error:
        raise TicketInvalid(f"The ticket cannot be used: {error}. Ask for a new one.") from error
    if now_ms >= ticket.expires_at:
        ago = (now_ms - ticket.expires_at) / 1000
        raise TicketExpired(
            f"The ticket expired {ago:.0f} s ago. Ask for a new one.",
            expired_at=ticket.expires_at,
            now=now_ms,
        )
    return ticket


def internal_token(
    caller: str, node: str, method: str, path: str, keys: Keys, now_ms: int, body: bytes = b""
) -> str:
    """A short-lived token for one internal request (method, raw path and body) to one node."""
    expires_at = now_ms + INTERNAL_TOKEN_MS
    payload = InternalToken(caller, node, f"{method} {path}", _sha256(body), expires_at)
    return sign_token(payload, keys.internal)


def check_internal_token(token: str, node: str, method: str, path: str, keys: Keys, now_ms: int) -> str:
    """Who makes this internal call, which has no body or whose body is not looked at.

    `Unauthorized` when nobody of ours does, or too long ago.
    """
    payload = open_internal_token(token, node, method, path, keys, now_ms)
    check_internal_body(payload, b"")
    return payload.caller


def check_internal_body(token: InternalToken, body: bytes) -> None:
    """`Unauthorized` unless the token is for this body."""
    if token.body != _sha256(body):
        raise Unauthorized("The token is for another body.")


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def open_internal_token(
    token: str, node: str, method: str, path: str, keys: Keys, now_ms: int
) -> InternalToken:
    """The token of an internal call, before its body is there; errors as of `check_internal_token`."""
    try:
        payload = _open_token(token, InternalToken, keys.internal)
    except ValueError as error:
        raise Unauthorized("This path is for the cluster's own daemons.") from error
    if payload.node != node or payload.request != f"{method} {path}":
        raise Unauthorized("The token is for another request.")
    if not now_ms - CLOCK_LEEWAY_MS < payload.expires_at <= now_ms + INTERNAL_TOKEN_MS + CLOCK_LEEWAY_MS:
        raise Unauthorized("The token has expired, or the clocks of the two machines differ.")
    return payload


def seal(key: bytes, name: str, body: bytes) -> str:
    """A signature over `body` under a name (subject or key), as text for a header."""
    return _b64(_mac(key, name.encode() + b"\n" + body))


def seal_matches(key: bytes, name: str, body: bytes, signature: str) -> bool:
    """Whether `signature` is what `seal` makes."""
    return signature.isascii() and hmac.compare_digest(seal(key, name, body), signature)


def sign_delivery(path: str, expires_at_s: int, keys: Keys) -> str:
    """The query string that opens a private bucket's `path` until `expires_at_s` (Unix seconds), in the form
    that had no key id (now: transformation/signature.py); such URLs are honoured until they expire."""
    mac = _b64(_mac(keys.delivery, f"{path}\n{expires_at_s}".encode()))
    return f"exp={expires_at_s}&sig={mac}"


def check_delivery(path: str, exp: str, sig: str, keys: Keys, now_s: float) -> None:
    """`Unauthorized` unless `exp` and `sig` open `path` now."""
    if len(exp) > 12 or not exp.isascii() or not exp.isdigit() or len(sig) != _MAC_CHARS or not sig.isascii():
        raise Unauthorized(
            "This image is private: its URL needs a valid exp and sig. Ask the query service for one."
        )
    mac = _b64(_mac(keys.delivery, f"{path}\n{exp}".encode()))
    if not hmac.compare_digest(mac, sig):
        raise Unauthorized("The signature of this URL does not match. Ask the query service for a new URL.")
    if now_s >= int(exp):
        raise Unauthorized("This URL has expired. Ask the query service for a new one.", expired_at=int(exp))


def hash_api_key(api_key: str) -> str:
    """How an API key is kept: SHA-256, hex. Keys have 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(api_key.encode()).hexdigest()
