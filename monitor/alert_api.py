"""The monitor's HTTP about alerts: what stands, what was, who is told; acknowledgements and silences.

Reading needs a key with the scope `read`, ordering one with `admin`: a silence can hide an outage. Channels
and silences are for keys without limits (door.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.errors import Conflict, NotFound
from atoll.http import json_response, query_number, read_json
from monitor.alert_history import AlertHistory
from monitor.alert_orders import (
    MAX_ORDERS,
    MAX_SILENCE_SECONDS,
    Acknowledgement,
    Orders,
    Pattern,
    Silence,
    Words,
)
from monitor.alert_post import AlertPost
from monitor.clock import Clock
from monitor.condition_book import Condition
from monitor.door import Door
from monitor.lease import Lease
from monitor.shared_orders import SharedOrders

MAX_BODY = 4096


class AlertView(Condition, frozen=True):
    """A condition, and what was ordered about it."""

    acknowledged_by: str | None = None
    silenced_until: int | None = None


class AcknowledgeOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which alert (its key or its id), and why."""

    alert: Annotated[str, Meta(min_length=1, max_length=300)]
    why: Words = ""


class SilenceOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What is silenced, by patterns, for how long, and why."""

    seconds: Annotated[int, Meta(ge=1, le=MAX_SILENCE_SECONDS)]
    rule: Pattern = "*"
    name: Pattern = "*"
    region: Pattern = "*"
    why: Words = ""


class AlertApi:
    """One method per route."""

    def __init__(
        self,
        door: Door,
        standing: Callable[[], Sequence[Condition]],
        orders: SharedOrders,
        history: AlertHistory,
        posts: Sequence[AlertPost],
        lease: Lease,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._door, self._standing, self._orders, self._history = door, standing, orders, history
        self._posts, self._lease, self._clock, self._new_id = posts, lease, clock, new_id

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/v1/alerts", self.alerts)
        router.add_get("/v1/alerts/history", self.history)
        router.add_post("/v1/alerts/acknowledge", self.acknowledge)
        router.add_get("/v1/silences", self.silences)
        router.add_post("/v1/silences", self.silence)
        router.add_delete("/v1/silences/{id}", self.unsilence)
        router.add_get("/v1/channels", self.channels)

    async def alerts(self, request: web.Request) -> web.Response:
        """What stands now, the most urgent first."""
        self._door.sees(request)
        return _fresh({"alerts": self.views()})

    def views(self) -> list[AlertView]:
        """The same, for whoever was let in elsewhere (relay_api.py)."""
        return [self._view(condition) for condition in self._standing()]

    def _view(self, condition: Condition) -> AlertView:
        orders = self._orders.current
        ack, silence = orders.acknowledged(condition), orders.silenced(condition, self._clock.now_ms())
        facts = {field: getattr(condition, field) for field in Condition.__struct_fields__}
        return AlertView(
            **facts,
            acknowledged_by=ack.by if ack else None,
            silenced_until=silence.until if silence else None,
        )

    async def history(self, request: web.Request) -> web.Response:
        """What began, changed and ended, the newest first; `limit` of them (100)."""
        self._door.sees(request)
        return _fresh({"alerts": self._history.latest(int(query_number(request, "limit", 1, 2000) or 100))})

    async def channels(self, request: web.Request) -> web.Response:
        """How each channel fares, and which monitor sends."""
        self._door.sees_plans(request)
        return _fresh(
            {
                "leader": self._lease.leader,
                "term": self._lease.term,
                "leads": self._lease.leads,
                "channels": [post.view() for post in self._posts],
            }
        )

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Say that somebody sees to an alert: no reminders, no escalation."""
        key = self._door.orders(request)
        order = await read_json(request, AcknowledgeOrder, MAX_BODY)
        return _fresh(await self.acknowledged(order.alert, key.id, order.why))

    async def acknowledged(self, alert: str, by: str, why: str) -> Acknowledgement:
        """Note that `by` sees to the alert of this id or key; `NotFound`."""
        found = [c for c in self._standing() if alert in {c.id, c.key}]
        if not found:
            raise NotFound("No alert that stands has this id or key.", alert=alert[:80])
        now = self._clock.now_ms()
        ack = Acknowledgement(found[0].key, found[0].id, found[0].level, by, why, now)
        await self._orders.change(lambda orders: self._with(orders, ack, now))
        return ack

    def _with(self, orders: Orders, ack: Acknowledgement, now: int) -> Orders:
        kept = orders.pruned(self._standing(), now)
        others = tuple(a for a in kept.acknowledgements if a.key != ack.key)
        return Orders((*others, ack), kept.silences)

    async def silences(self, request: web.Request) -> web.Response:
        """The silences that hold."""
        self._door.sees_plans(request)
        return _fresh({"silences": self._orders.current.pruned((), self._clock.now_ms()).silences})

    async def silence(self, request: web.Request) -> web.Response:
        """Tell nothing of what matches, for a time."""
        key = self._door.orders(request)
        order = await read_json(request, SilenceOrder, MAX_BODY)
        now = self._clock.now_ms()
        until = now + order.seconds * 1000
        made = Silence(self._new_id(), order.rule, order.name, order.region, until, key.id, order.why, now)
        await self._orders.change(lambda orders: self._and_silence(orders, made, now))
        return json_response(made, status=201)

    def _and_silence(self, orders: Orders, made: Silence, now: int) -> Orders:
        kept = orders.pruned(self._standing(), now)
        if len(kept.silences) >= MAX_ORDERS:
            raise Conflict(f"There are {MAX_ORDERS} silences already; end some first.", limit=MAX_ORDERS)
        return Orders(kept.acknowledgements, (*kept.silences, made))

    async def unsilence(self, request: web.Request) -> web.Response:
        """End a silence."""
        self._door.orders(request)
        wanted = request.match_info["id"]
        if not any(silence.id == wanted for silence in self._orders.current.silences):
            raise NotFound("There is no such silence.", silence=wanted[:80])
        await self._orders.change(
            lambda orders: Orders(
                orders.acknowledgements, tuple(s for s in orders.silences if s.id != wanted)
            )
        )
        return _fresh({"ended": wanted})


def _fresh(answer: object) -> web.Response:
    return json_response(answer, headers={"Cache-Control": "no-store"})
