"""The signature that lets anybody ask for a path until an expiry: a private blob, a transformation. Pure.

HMAC-SHA256 in full (256 bits) over key id, expiry, network and canonical path, under one of the cluster's
delivery keys (delivery_keys.py). The key id says which, so that a new one can be brought in while URLs of the
old one still live. With a network (`net`) it opens the path to clients of that network only. It is made for
canonical paths and checked against the canonical form of what was asked: every spelling of a request that was
signed is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from atoll.delivery_keys import DeliveryKey
from atoll.errors import Forbidden, Unauthorized
from atoll.networks import is_canonical, is_within
from atoll.signing import seal, seal_matches

_EXPIRY_DIGITS = 12


class Claim(NamedTuple):
    """What a URL says of itself, as it came."""

    exp: str
    key: str
    sig: str
    net: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Claim:
        """The claim in a query string."""
        return cls(*(query.get(name, "") for name in ("exp", "key", "sig", "net")))


def sign(path: str, expires_at_s: int, key: DeliveryKey, net: str = "") -> str:
    """The query string that opens the canonical `path` until `expires_at_s` (Unix seconds).

    `net`: only to clients of this network (canonical; networks.py).
    """
    signature = seal(key.secret, key.id, _signed(path, str(expires_at_s), net))
    bound = f"&net={net}" if net else ""
    return f"exp={expires_at_s}&key={key.id}{bound}&sig={signature}"


def check_claim(
    path: str, claim: Claim, accepted: Mapping[str, bytes], now_s: float, address: Callable[[], str]
) -> None:
    """`check`, and `Forbidden` unless the client's `address` is in the network that the URL is bound to."""
    check(path, claim.exp, claim.key, claim.sig, accepted, now_s, claim.net)
    if claim.net and not is_within(address(), claim.net):
        raise Forbidden("This URL is for clients of another network.", net=claim.net)


def check(
    path: str, exp: str, key: str, sig: str, accepted: Mapping[str, bytes], now_s: float, net: str = ""
) -> None:
    """`Unauthorized` unless these open the canonical `path` now, under that key of `accepted`.

    Says nothing of who may use them: `check_claim` does.
    """
    if len(exp) > _EXPIRY_DIGITS or not exp.isascii() or not exp.isdigit():
        raise Unauthorized("This needs a signature: ask the query service for its URL.")
    secret = accepted.get(key)
    signed = secret is not None and path.startswith("/") and (not net or is_canonical(net))
    if not signed or not seal_matches(secret or b"", key, _signed(path, exp, net), sig):
        raise Unauthorized("The signature of this URL does not match. Ask the query service for a new URL.")
    if now_s >= int(exp):
        raise Unauthorized("This URL has expired. Ask the query service for a new one.", expired_at=int(exp))


def _signed(path: str, exp: str, net: str = "") -> bytes:
    # Digits end where the path or "@" begins, a canonical network has one slash, and no other thing that the
    # delivery key signs begins with a key id.
    return f"{exp}@{net}{path}".encode() if net else f"{exp}{path}".encode()
