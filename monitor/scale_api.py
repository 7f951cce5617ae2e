"""The monitor's HTTP about growth: it explains, tries a policy that is not in force, and takes orders.

Reading and trying need a key with the scope `read`, ordering one with `admin`; none of it is for limited keys
(door.py). `dry_run` in an order: say what it would do, or what forbids it, and change nothing. Without a
policy it says so, but for the trying.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from aiohttp import web
from msgspec import Struct

from atoll.errors import NotFound
from atoll.http import json_response, read_json
from atoll.model import Label
from monitor.door import Door
from monitor.scale_policy import TriedPolicy
from monitor.scale_run import Scaler
from monitor.scale_view import ScaleView

MAX_BODY = 4096
MAX_POLICY = 65_536
_FRESH = {"Cache-Control": "no-store"}


class LaunchChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Of what was given up or refused: `retry` it, or `forget` it."""

    does: Literal["retry", "forget"]
    dry_run: bool = False


class LeaveOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """`name`: the node, or the set, that is to leave."""

    name: Label
    dry_run: bool = False


class ScaleApi:
    """One method per route. `attempt`: what a policy would decide now."""

    def __init__(
        self, door: Door, scaler: Scaler | None, attempt: Callable[[TriedPolicy], ScaleView]
    ) -> None:
        self._door, self._scaler, self._attempt = door, scaler, attempt

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/v1/scale", self.explain)
        router.add_post("/v1/scale/try", self.attempt)
        router.add_post("/v1/scale/in", self.leave)
        router.add_post("/v1/scale/launches/{name}", self.order)

    def _active(self) -> Scaler:
        if self._scaler is None:
            raise NotFound("This cluster grows by hand: the monitor has no scale_policy_file.")
        return self._scaler

    async def explain(self, request: web.Request) -> web.Response:
        """Why each region grows or does not, what was started, and what leaves."""
        self._door.sees_plans(request)
        return json_response(self._active().view(), headers=_FRESH)

    async def attempt(self, request: web.Request) -> web.Response:
        """What another policy would decide now; nothing is changed."""
        self._door.sees_plans(request)
        policy = await read_json(request, TriedPolicy, MAX_POLICY)
        return json_response(self._attempt(policy), headers=_FRESH)

    async def leave(self, request: web.Request) -> web.Response:
        """Have a node, or a whole set, leave."""
        self._door.orders(request)
        order = await read_json(request, LeaveOrder, MAX_BODY)
        gone = await self._active().leave(order.name, dry_run=order.dry_run)
        return json_response({"departures": gone, "dry_run": order.dry_run}, headers=_FRESH)

    async def order(self, request: web.Request) -> web.Response:
        """Try something again that was given up, or forget it."""
        self._door.orders(request)
        change = await read_json(request, LaunchChange, MAX_BODY)
        found = await self._active().order(
            request.match_info["name"], retry=change.does == "retry", dry_run=change.dry_run
        )
        return json_response(found, headers=_FRESH)
