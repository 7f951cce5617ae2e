"""A token with which one new node joins, once: what it says, and what comes back for it. Pure.

    TOKEN = base64url(claims) "." base64url(mac)      the mac, under the cluster's key for this, is the secret

Only the claims travel when it is used, with a proof that the mac is known; the answer, which holds the
cluster secret, is encrypted under a key that comes from the mac. So neither a proxy nor a log on the way
learns anything, even over plain HTTP. That it is used once is join_book.py's business.
"""

from __future__ import annotations

import hmac
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from atoll.errors import Unauthorized
from atoll.model import Identifier, Label, Milliseconds
from atoll.signing import Keys, base64url, derived_key, from_base64url, seal

MIN_TOKEN_SECONDS, MAX_TOKEN_SECONDS = 60, 7 * 86_400
_NONCE = b"\0" * 12  # each key encrypts one answer only: it comes from the installation, too


class JoinClaims(Struct, frozen=True):
    """Which node may join, where, until when. Not secret."""

    id: Identifier
    node: Label
    region: Label
    set: Label
    expires_at: Milliseconds


class JoinRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the new machine sends. `installation` is its own random id: it may ask again with the same one."""

    claims: Annotated[str, Meta(max_length=1000)]
    installation: Identifier
    proof: Annotated[str, Meta(max_length=100)]


class JoinGrant(Struct, frozen=True):
    """What it gets: everything that its settings need. `secrets` are base64url."""

    node: Label
    region: Label
    set: Label
    lat: float
    lon: float
    cluster_secret: str
    nats_url: str
    nats_user: str | None = None
    nats_password: str | None = None
    nats_map_domain: str | None = None
    nats_replicas: int = 1


class SealedGrant(Struct, frozen=True):
    """The answer on the wire: a `JoinGrant`, AES-256-GCM, base64url."""

    sealed: str


def make_token(claims: JoinClaims, keys: Keys) -> str:
    """The token: give it to one machine."""
    body = base64url(msgspec.json.encode(claims))
    return f"{body}.{_mac(body, keys)}"


def join_request(token: str, installation: str) -> JoinRequest:
    """What a machine with this token sends; `Unauthorized` when it is no token."""
    claims, mac = _parts(token)
    return JoinRequest(claims, installation, _proof(mac, installation))


def claims_of(token: str) -> JoinClaims:
    """What a token says, unproven: for the machine that has it; `Unauthorized` when it is no token."""
    try:
        return msgspec.json.decode(from_base64url(_parts(token)[0]), type=JoinClaims)
    except ValueError as error:  # msgspec's and base64's are
        raise Unauthorized("This is no join token: they come from `atoll node join-token`.") from error


def read_request(request: JoinRequest, keys: Keys, now_ms: int) -> JoinClaims:
    """The claims of a request that proves its token; `Unauthorized`."""
    mac = _mac(request.claims, keys)
    if not request.proof.isascii() or not hmac.compare_digest(
        _proof(mac, request.installation), request.proof
    ):
        raise Unauthorized("This join token is not one of this cluster's.")
    claims = msgspec.json.decode(from_base64url(request.claims), type=JoinClaims)
    if now_ms >= claims.expires_at:
        raise Unauthorized("This join token has expired; make a new one with `atoll node join-token`.")
    return claims


def seal_grant(grant: JoinGrant, request: JoinRequest, keys: Keys) -> SealedGrant:
    """The answer to a request that was read."""
    key = _answer_key(_mac(request.claims, keys), request.installation)
    sealed = AESGCM(key).encrypt(_NONCE, msgspec.json.encode(grant), request.claims.encode())
    return SealedGrant(base64url(sealed))


def open_grant(answer: SealedGrant, token: str, installation: str) -> JoinGrant:
    """What the machine makes of the answer; `Unauthorized` when it is not for this token."""
    claims, mac = _parts(token)
    try:
        body = AESGCM(_answer_key(mac, installation)).decrypt(
            _NONCE, from_base64url(answer.sealed), claims.encode()
        )
        return msgspec.json.decode(body, type=JoinGrant)
    except (InvalidTag, ValueError) as error:
        raise Unauthorized("The answer was not made by the cluster that made this token.") from error


def _parts(token: str) -> tuple[str, str]:
    claims, dot, mac = token.strip().partition(".")
    if not dot or not token.isascii() or not 0 < len(claims) <= 1000 or len(mac) != 43:
        raise Unauthorized("This is no join token: they come from `atoll node join-token`.")
    return claims, mac


def _mac(claims: str, keys: Keys) -> str:
    return seal(keys.join, "join token", claims.encode())


def _proof(mac: str, installation: str) -> str:
    return seal(mac.encode(), "join proof", installation.encode())


def _answer_key(mac: str, installation: str) -> bytes:
    return derived_key(mac.encode(), "join answer", installation)
