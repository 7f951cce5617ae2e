"""What is answered before routing is counted as everything is; whatever is to be refused goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request

from atoll.errors import Unauthorized, Unavailable
from query_service.hot_front import hot_front
from query_service.routing import Door, Route

PASSED_ON = object()
PATH = "/v1/assets/{asset_id}/url"


class Stage:
    """A door that opens to `key`, a memory that has asset `known`, and what was counted."""

    def __init__(self, key=None, tokens=1):
        self.metered, self.spent, self.tokens = [], [], tokens
        key = key or SimpleNamespace(id="k", limited=False)
        throttle = SimpleNamespace(
            off=False, policy='"keys";q=5', spend=self._spend, left=lambda _: '"keys";r=4'
        )
        door = Door(SimpleNamespace(check=lambda *_: key), SimpleNamespace(keys=throttle))
        self.callers = door.callers
        routes = [
            Route("GET", "/v1/assets", "read", self._inner),
            Route("GET", PATH, "read", self._inner, at_once=self._find),
        ]
        self.handle = hot_front(routes, door, lambda *met: self.metered.append(met[:3]), lambda: 0.0)(
            self._inner
        )

    def _spend(self, subject):
        self.spent.append(subject)
        self.tokens -= 1
        return self.tokens >= 0

    async def _inner(self, request):
        return PASSED_ON

    def _find(self, request, asset_id):
        if asset_id == "broken":
            raise Unavailable("no map", retry_after=1)
        return {"url": "u"} if asset_id == "known" else None

    async def ask(self, target="/v1/assets/known/url", method="GET", **headers):
        return await self.handle(make_mocked_request(method, target, headers=headers))


async def test_an_asset_in_memory_is_answered_with_its_limits_and_counted():
    stage = Stage()
    answer = await stage.ask()
    assert answer._ready_body == b'{"url":"u"}'
    head = answer._ready_head.decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert 'RateLimit-Policy: "keys";q=5\r\nRateLimit: "keys";r=4\r\nContent-Length: 11\r\n' in head
    assert stage.metered == [("GET", PATH, 200)]
    assert stage.spent == ["k"]


@pytest.mark.parametrize(
    "asked",
    [
        {"target": "/v1/assets/unknown/url"},
        {"target": "/v1/assets/broken/url"},
        {"target": "/v1/assets/known/url?t=w_5"},
        {"target": "/v1/assets/known?x=/url"},
        {"target": "/v1/assets/known"},
        {"target": "/v1/resolve"},
        {"method": "HEAD"},
        {"method": "DELETE"},
        {"Range": "bytes=0-1"},
        {"If_None_Match": "*"},
    ],
)
async def test_everything_else_goes_on_and_nothing_was_counted(asked):
    stage = Stage()
    asked = {name.replace("_", "-"): value for name, value in asked.items()}
    assert await stage.ask(**asked) is PASSED_ON
    assert stage.spent == stage.metered == []


async def test_refusals_are_the_applications():
    stage = Stage(SimpleNamespace(id="k", limited=True))
    assert await stage.ask() is PASSED_ON
    stage = Stage(tokens=0)
    assert await stage.ask() is PASSED_ON
    assert stage.metered == []

    def refuse(*_):
        raise Unauthorized("no key")

    stage = Stage()
    stage.callers.check = refuse
    assert await hot(stage) is PASSED_ON


async def hot(stage):
    door = Door(stage.callers, SimpleNamespace(keys=SimpleNamespace()))
    front = hot_front([Route("GET", PATH, "read", stage._inner, at_once=stage._find)], door, print)
    return await front(stage._inner)(make_mocked_request("GET", "/v1/assets/known/url"))
