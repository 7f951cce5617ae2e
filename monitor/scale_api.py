"""The monitor's HTTP about growth: GET /v1/scale explains; POST /v1/scale/launches/{name} orders.

Reading needs a key with the scope `read`, ordering one with `admin`. Without a policy it says so.
"""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from msgspec import Struct

from atoll.api_keys import ApiKeys
from atoll.errors import NotFound
from atoll.http import json_response, read_json
from monitor.scale_run import Scaler

MAX_BODY = 4096


class LaunchChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Of a launch that was given up: `retry` it, or `forget` it."""

    does: Literal["retry", "forget"]


class ScaleApi:
    """One method per route."""

    def __init__(self, api_keys: ApiKeys, scaler: Scaler | None) -> None:
        self._keys, self._scaler = api_keys, scaler

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/v1/scale", self.explain)
        router.add_post("/v1/scale/launches/{name}", self.order)

    def _active(self) -> Scaler:
        if self._scaler is None:
            raise NotFound("This cluster grows by hand: the monitor has no scale_policy_file.")
        return self._scaler

    async def explain(self, request: web.Request) -> web.Response:
        """Why each region grows or does not, and what was started."""
        self._keys.check(request.headers, "read")
        return json_response(self._active().view(), headers={"Cache-Control": "no-store"})

    async def order(self, request: web.Request) -> web.Response:
        """Try a launch again that was given up, or forget it."""
        self._keys.check(request.headers, "admin")
        change = await read_json(request, LaunchChange, MAX_BODY)
        found = await self._active().order(request.match_info["name"], again=change.does == "retry")
        return json_response(found, headers={"Cache-Control": "no-store"})
