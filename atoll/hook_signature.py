"""The signature of webhooks, for who sends them and who gets them. Pure.

`Atoll-Signature: t=UNIX_SECONDS,v1=HEX`, where v1 is HMAC-SHA256 under the endpoint's secret over "t.body",
as Stripe does it. The time is inside the signature, so that an old delivery cannot be sent again by others:
who gets one refuses what is older than five minutes. Several v1 may be given, while a secret is changed.
"""

from __future__ import annotations

import hmac
import time
from typing import Any

import msgspec

from atoll.errors import BadRequest, Unauthorized

HEADER = "Atoll-Signature"
REPLAY_SECONDS = 300
_MAX_HEADER_CHARS = 1024


def sign_webhook(secret: str, body: bytes, at_s: int) -> str:
    """The header's value for `body`, sent at `at_s` (Unix seconds)."""
    return f"t={at_s},v1={_mac(secret, body, at_s)}"


def verify_webhook(
    body: bytes,
    header: str,
    secret: str,
    *,
    tolerance: int = REPLAY_SECONDS,
    now_s: float | None = None,
) -> dict[str, Any]:
    """The event in `body`, the bytes as they came, if `secret`'s owner sent them within `tolerance` seconds.

    Raises `Unauthorized` for a signature that is missing, wrong, too old or of the future; `BadRequest` for a
    body that is no event. An event may come twice: its `id` is the same.
    """
    at_s, signatures = _read(header)
    if not any(hmac.compare_digest(_mac(secret, body, at_s), signature) for signature in signatures):
        raise Unauthorized("The webhook's signature does not match.")
    now = time.time() if now_s is None else now_s
    if abs(now - at_s) > tolerance:
        raise Unauthorized(
            "The webhook is too old, or from the future: is this machine's clock right?", at=at_s
        )
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(f"The webhook's body is no event: {error}") from error


def _mac(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), b"%d.%s" % (at_s, body), "sha256").hexdigest()


def _read(header: str) -> tuple[int, list[str]]:
    pairs = [part.strip().partition("=") for part in header[:_MAX_HEADER_CHARS].split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and value.isascii()]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12):
        raise Unauthorized(f"The webhook's {HEADER} is missing or malformed.")
    if not signatures:
        raise Unauthorized(f"The webhook's {HEADER} has no v1 signature.")
    return int(times[0]), signatures
