"""The signature that lets anybody ask for a path until an expiry: a private blob, a transformation. Pure.

HMAC-SHA256 in full (256 bits) over key id, expiry and canonical path, under one of the cluster's delivery
keys (delivery_keys.py). The key id says which, so that a new one can be brought in while URLs of the old one
still live. It is made for canonical paths and checked against the canonical form of what was asked: every
spelling of a request that was signed is signed.
"""

from __future__ import annotations

from collections.abc import Mapping

from atoll.delivery_keys import DeliveryKey
from atoll.errors import Unauthorized
from atoll.signing import seal, seal_matches

_EXPIRY_DIGITS = 12


def sign(path: str, expires_at_s: int, key: DeliveryKey) -> str:
    """The query string that opens the canonical `path` until `expires_at_s` (Unix seconds)."""
    signature = seal(key.secret, key.id, _signed(path, str(expires_at_s)))
    return f"exp={expires_at_s}&key={key.id}&sig={signature}"


def check(path: str, exp: str, key: str, sig: str, accepted: Mapping[str, bytes], now_s: float) -> None:
    """`Unauthorized` unless the three open the canonical `path` now, under that key of `accepted`."""
    if len(exp) > _EXPIRY_DIGITS or not exp.isascii() or not exp.isdigit():
        raise Unauthorized("This needs a signature: ask the query service for its URL.")
    secret = accepted.get(key)
    if secret is None or not seal_matches(secret, key, _signed(path, exp), sig):
        raise Unauthorized("The signature of this URL does not match. Ask the query service for a new URL.")
    if now_s >= int(exp):
        raise Unauthorized("This URL has expired. Ask the query service for a new one.", expired_at=int(exp))


def _signed(path: str, exp: str) -> bytes:
    # Digits end where the path begins, and no other thing that the delivery key signs begins with a key id.
    return f"{exp}{path}".encode()
