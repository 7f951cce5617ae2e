"""Tells a program by HTTP: one POST of signed JSON for each batch. I/O.

`Atoll-Signature: t=<unix seconds>,v1=<hex>` is HMAC-SHA256 with the channel's secret over `<t>.<body>`, as
the webhooks of many services are signed. The receiver checks it, refuses a `t` that is minutes old, and goes
by each alert's `id` and `transition`, for a batch may come twice.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

import aiohttp
import msgspec

from monitor.alerts import Batch
from monitor.channels import Undelivered

SIGNATURE_HEADER = "Atoll-Signature"
_ANSWER_LOST = frozenset({502, 504})  # what a proxy says that did not hear the receiver's answer


def signature(secret: str, at: int, body: bytes) -> str:
    """The header's value for a body sent at `at` (Unix seconds)."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, "sha256").hexdigest()
    return f"t={at},v1={digest}"


class WebhookChannel:
    """A `Channel`. The session is the monitor's; each request ends with the dispatcher's deadline."""

    def __init__(
        self,
        url: str,
        secret: str,
        session: Callable[[], aiohttp.ClientSession],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._secret, self._session, self._clock = url, secret, session, clock

    async def send(self, batch: Batch) -> None:
        body = msgspec.json.encode(batch)
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature(self._secret, int(self._clock()), body),
        }
        try:
            async with self._session().post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    lost = response.status in _ANSWER_LOST
                    raise Undelivered(f"the receiver answered {response.status}", perhaps=lost)
        except (aiohttp.ClientError, OSError) as error:
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            why = f"the receiver cannot be reached: {type(error).__name__}"
            raise Undelivered(why, perhaps=sent) from error
