"""The signature that lets anybody ask for one transformation of one picture until an expiry. Pure.

HMAC-SHA256 in full (256 bits) over key id, expiry and canonical path, under the cluster's delivery key. The
key id says which secret signed, so that a new secret can be brought in while URLs of the old one still live.
It is made for canonical paths and checked against the canonical form of what was asked: every spelling of a
request that was signed is signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.errors import Unauthorized
from atoll.signing import Keys, seal, seal_matches

_KEY_ID_CHARS = 8
_EXPIRY_DIGITS = 12


def key_id(keys: Keys) -> str:
    """A public name of the delivery key, which tells nothing about it: 8 characters of base64url."""
    return seal(keys.delivery, "key id", b"")[:_KEY_ID_CHARS]


def sign(path: str, expires_at_s: int, keys: Keys) -> str:
    """The query string that opens the canonical `path` until `expires_at_s` (Unix seconds)."""
    name = key_id(keys)
    return f"exp={expires_at_s}&key={name}&sig={seal(keys.delivery, name, _signed(path, str(expires_at_s)))}"


def check(path: str, exp: str, key: str, sig: str, rings: Sequence[Keys], now_s: float) -> None:
    """`Unauthorized` unless the three open the canonical `path` now, under one of `rings`."""
    if len(exp) > _EXPIRY_DIGITS or not exp.isascii() or not exp.isdigit():
        raise Unauthorized("This transformation needs a signature: ask the query service for its URL.")
    keys = next((ring for ring in rings if key_id(ring) == key), None)
    if keys is None or not seal_matches(keys.delivery, key, _signed(path, exp), sig):
        raise Unauthorized("The signature of this URL does not match. Ask the query service for a new URL.")
    if now_s >= int(exp):
        raise Unauthorized("This URL has expired. Ask the query service for a new one.", expired_at=int(exp))


def _signed(path: str, exp: str) -> bytes:
    # Digits end where the path begins, and no other thing that the delivery key signs begins with a key id.
    return f"{exp}{path}".encode()
