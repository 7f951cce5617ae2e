"""`client.webhooks`: endpoints that are told of events, and what was sent to them. I/O; scope `admin`.

Who receives one checks it with `atoll.client.verify_webhook`.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from msgspec import Struct

from atoll.client.job_views import Delivery, DeliveryPage, MadeWebhook, Webhook
from atoll.client.query import QueryServices


class _Webhooks(Struct):
    webhooks: tuple[Webhook, ...]


class WebhookCalls:
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def create(
        self, url: str, *, events: Iterable[str] = (), buckets: Iterable[str] = ()
    ) -> MadeWebhook:
        """Have events sent to `url`: of these kinds (none: all), about these buckets (none: all)."""
        body = {"url": url, "events": list(events), "buckets": list(buckets)}
        return await self._query.call("POST", "/v1/webhooks", MadeWebhook, body=body)

    async def all(self) -> tuple[Webhook, ...]:
        """Every endpoint."""
        return (await self._query.call("GET", "/v1/webhooks", _Webhooks)).webhooks

    async def remove(self, webhook: str) -> Webhook:
        """Send nothing more to it, and forget its log."""
        return await self._query.call("DELETE", f"/v1/webhooks/{quote(webhook, safe='')}", Webhook)

    async def deliveries(self, webhook: str, *, limit: int = 20, cursor: str | None = None) -> DeliveryPage:
        """What was sent and what waits, the newest first."""
        params = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        path = f"/v1/webhooks/{quote(webhook, safe='')}/deliveries"
        return await self._query.call("GET", path, DeliveryPage, params=params)

    async def redeliver(self, webhook: str, delivery: str) -> Delivery:
        """Send it once more."""
        path = f"/v1/webhooks/{quote(webhook, safe='')}/deliveries/{quote(delivery, safe='')}/redeliver"
        return await self._query.call("POST", path, Delivery)
