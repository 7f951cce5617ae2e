"""/v1/webhooks: endpoints that are told of events, their delivery log, and sending again. For administrators.

A secret is shown once: it is derived from the cluster's secret and the endpoint's random salt, and kept
nowhere.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiohttp import web

from atoll.errors import NotFound, TooLarge
from atoll.http import json_response, read_json
from atoll.ids import new_id
from atoll.node_api import rfc3339
from atoll.outward import check_address
from atoll.outward_addresses import AddressPolicy
from atoll.outward_url import parse_url
from query_service.audit_guard import audit_facts
from query_service.hook_sender import Secret
from query_service.hook_store import MAX_HOOKS, HookStore
from query_service.hook_wire import DeliveryList, DeliveryView, HookList, HookOrder, HookView, MadeHook
from query_service.query_input import check_query, whole_number
from query_service.routing import Route

MAX_PAGE = 100
_FRESH = {"Cache-Control": "no-store"}
_ID = re.compile(r"[0-9a-z]{1,40}", re.ASCII)


class HooksApi:
    """`ports` that a URL may name; `policy`: the addresses it may name."""

    def __init__(
        self,
        store: HookStore,
        secret: Secret,
        ports: Collection[int],
        policy: AddressPolicy,
        max_json_bytes: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._store, self._secret, self._ports, self._policy = store, secret, ports, policy
        self._max_json_bytes, self._now_ms = max_json_bytes, now_ms

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("POST", "/v1/webhooks", "admin", self.make, reach="whole"),
            Route("GET", "/v1/webhooks", "admin", self.list, reach="whole"),
            Route("DELETE", "/v1/webhooks/{hook}", "admin", self.remove, reach="whole"),
            Route("GET", "/v1/webhooks/{hook}/deliveries", "admin", self.deliveries, reach="whole"),
            Route(
                "POST",
                "/v1/webhooks/{hook}/deliveries/{delivery}/redeliver",
                "admin",
                self.redeliver,
                reach="whole",
            ),
        ]

    async def make(self, request: web.Request) -> web.Response:
        """201 with the endpoint and its secret."""
        check_query(request, ())
        order = await read_json(request, HookOrder, self._max_json_bytes)
        # what a name leads to is looked at whenever it is called
        check_address(parse_url(order.url, self._ports), self._policy)
        if len(await self._store.all()) >= MAX_HOOKS:
            raise TooLarge(f"There are at most {MAX_HOOKS} webhooks.", limit=MAX_HOOKS)
        document = {
            "_id": new_id(self._now_ms()),
            "url": order.url,
            "events": list(order.events),
            "buckets": list(order.buckets),
            "salt": secrets.token_hex(16),
            "created_at": self._now_ms(),
        }
        audit_facts(request, webhook=document["_id"])
        await self._store.add(document)
        return json_response(MadeHook(_view(document), self._secret(document)), 201, _FRESH)

    async def list(self, request: web.Request) -> web.Response:
        """Every endpoint."""
        check_query(request, ())
        return json_response(HookList(tuple(map(_view, await self._store.all()))), headers=_FRESH)

    async def remove(self, request: web.Request) -> web.Response:
        """The endpoint that was; its log goes with it."""
        check_query(request, ())
        hook = await self._hook(request)
        await self._store.remove(hook["_id"])
        return json_response(_view(hook), headers=_FRESH)

    async def deliveries(self, request: web.Request) -> web.Response:
        """What was sent, and what waits, the newest first."""
        check_query(request, {"limit", "cursor"})
        limit = whole_number(request, "limit", 20, 1, MAX_PAGE)
        hook = await self._hook(request)
        found = await self._store.page(hook["_id"], request.query.get("cursor"), limit)
        after = found[-1]["order"] if len(found) == limit else None
        return json_response(DeliveryList(tuple(map(_delivery, found)), after), headers=_FRESH)

    async def redeliver(self, request: web.Request) -> web.Response:
        """202: it is sent once more, and again tried for its time."""
        check_query(request, ())
        hook, delivery = await self._hook(request), request.match_info["delivery"]
        known = _ID.fullmatch(delivery) and await self._store.again(hook["_id"], delivery, self._now_ms())
        document = await self._store.delivery(delivery) if known else None
        if document is None:
            raise NotFound("There is no such delivery.", delivery=delivery[:80])
        return json_response(_delivery(document), 202, _FRESH)

    async def _hook(self, request: web.Request) -> Mapping[str, Any]:
        name = request.match_info["hook"]
        hook = await self._store.get(name) if _ID.fullmatch(name) else None
        if hook is None:
            raise NotFound("There is no such webhook.", webhook=name[:80])
        return hook


def _view(hook: Mapping[str, Any]) -> HookView:
    return HookView(
        hook["_id"], hook["url"], tuple(hook["events"]), tuple(hook["buckets"]), rfc3339(hook["created_at"])
    )


def _delivery(document: Mapping[str, Any]) -> DeliveryView:
    waits = document["state"] == "waiting"
    return DeliveryView(
        id=document["_id"],
        event=document["event"],
        type=document["type"],
        state=document["state"],
        created_at=rfc3339(document["created_at"]),
        next_try=rfc3339(document["next_at"]) if waits else None,
        attempts=tuple(document["attempts"]),
        body=document["body"],
    )
