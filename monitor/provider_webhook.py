"""The provider `webhook`: one signed POST of JSON for each question, answered with JSON. I/O."""

from __future__ import annotations

import time
from collections.abc import Callable

import aiohttp
import msgspec

from atoll.hook_signature import HEADER, sign_webhook
from atoll.launches import MAX_ANSWER_BYTES, LaunchAnswer, LaunchOrder
from monitor.scale_policy import ProviderEntry
from monitor.scale_providers import ProviderFailed, read_answer


class WebhookProvider:
    """A `Provider`. The session is the monitor's."""

    def __init__(
        self,
        entry: ProviderEntry,
        session: Callable[[], aiohttp.ClientSession],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._entry, self._session, self._clock = entry, session, clock

    async def ask(self, order: LaunchOrder) -> LaunchAnswer:
        body = msgspec.json.encode(order)
        signature = sign_webhook(self._entry.secret, body, int(self._clock()))
        headers = {"Content-Type": "application/json", HEADER: signature}
        timeout = aiohttp.ClientTimeout(total=self._entry.timeout_seconds)
        try:
            async with self._session().post(
                self._entry.url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                if response.status >= 300:
                    raise ProviderFailed(f"it answered {response.status}")
                return read_answer(await _head(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderFailed(f"it gave no answer: {type(error).__name__}") from error


async def _head(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(65_536):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            break
    return bytes(body)
