"""Sending webhooks: what is due is taken, posted, and how it went is noted. I/O.

Each query service runs one. Bounded: so many at once, few of them to one endpoint, each within a time; what a
URL leads to is checked at every try by the wall (atoll/outward.py). An endpoint has taken an event when it
answers 2xx; a redirect is no such answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from atoll.backoff import Backoff
from atoll.errors import AtollError
from atoll.hook_signature import HEADER, sign_webhook
from atoll.node_api import rfc3339
from atoll.outward import Outward
from atoll.outward_url import parse_url
from query_service.catalog_errors import CatalogUnavailable
from query_service.hook_rules import HookRules
from query_service.hook_store import HookStore
from query_service.hook_wire import Attempt

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
AT_ONCE, AT_ONCE_TO_ONE = 16, 4
ANSWER_SECONDS = 15.0
LEASE_MS = 60_000  # after this another service takes it, if this one died over it
MAX_DETAIL_CHARS = 200

Secret = Callable[[Mapping[str, Any]], str]


class HookSender:
    """`secret` of an endpoint's document; `ports` that its URL may name."""

    def __init__(
        self,
        store: HookStore,
        outward: Outward,
        ports: Collection[int],
        secret: Secret,
        rules: HookRules,
        now_ms: Callable[[], int],
        backoff: Backoff,
    ) -> None:
        self._store, self._outward, self._ports, self._secret = store, outward, ports, secret
        self._rules, self._now_ms, self._backoff = rules, now_ms, backoff

    async def run(self) -> None:
        """Send for ever."""
        while True:
            try:
                sent = await self.send_due()
                self._backoff.reset()
            except CatalogUnavailable as error:
                log.debug("webhooks wait: %s", error.detail)
                await asyncio.sleep(self._backoff.next())
                continue
            if not sent:
                await asyncio.sleep(LOOK_SECONDS)

    async def send_due(self) -> int:
        """One round: what is due, a bounded number of it; how many were tried."""
        due = _fair(await self._store.due(self._now_ms(), 8 * AT_ONCE))
        if not due:
            return 0
        hooks = {hook["_id"]: hook for hook in await self._store.all()}
        results = await asyncio.gather(
            *(self._send(delivery, hooks.get(delivery["hook"])) for delivery in due)
        )
        return sum(results)

    async def _send(self, delivery: Mapping[str, Any], hook: Mapping[str, Any] | None) -> bool:
        if not await self._store.take(delivery, self._now_ms() + LEASE_MS):
            return False  # another service was faster
        begun, at = time.perf_counter(), self._now_ms()
        status, detail = await self._post(delivery, hook) if hook else (None, "The endpoint was removed.")
        attempt = Attempt(rfc3339(at), status, detail, round(time.perf_counter() - begun, 3))
        now, tries = self._now_ms(), delivery["tries"] + 1
        if status is not None and 200 <= status < 300:
            await self._store.note(delivery["_id"], attempt, "delivered", now)
            return True
        again = self._rules.next_at(tries, delivery["begun_at"], now) if hook else None
        state = "failed" if again is None else "waiting"
        await self._store.note(delivery["_id"], attempt, state, now if again is None else again)
        return True

    async def _post(self, delivery: Mapping[str, Any], hook: Mapping[str, Any]) -> tuple[int | None, str]:
        """The endpoint's status, or why there is none."""
        body = delivery["body"].encode()
        headers = {
            "Content-Type": "application/json",
            HEADER: sign_webhook(self._secret(hook), body, self._now_ms() // 1000),
            "Atoll-Event": delivery["type"],
            "Atoll-Delivery": delivery["_id"],
        }
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                url = parse_url(hook["url"], self._ports)
                async with self._outward.open(url, "POST", headers=headers, body=body) as response:
                    return response.status, ""
        except TimeoutError:
            return None, f"No answer within {ANSWER_SECONDS:g} s."
        except AtollError as error:
            return None, error.detail[:MAX_DETAIL_CHARS]


def _fair(due: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """So many at once, few of them to one endpoint: one that hangs must not hold up the others."""
    per_hook: Counter[str] = Counter()
    chosen: list[Mapping[str, Any]] = []
    for delivery in due:
        per_hook[delivery["hook"]] += 1
        if per_hook[delivery["hook"]] <= AT_ONCE_TO_ONE and len(chosen) < AT_ONCE:
            chosen.append(delivery)
    return chosen
