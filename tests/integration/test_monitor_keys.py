"""Which API key the monitor lets in where: every route it serves, each scope, with and without limits."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from bus_settings import settings_for
from test_monitor import KEYS, running, settings  # noqa: F401 - a fixture

import monitor.app
from atoll.access import AccessKey
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.signing import hash_api_key

pytestmark = pytest.mark.integration

SCOPES = ("read", "write", "delete", "admin")
LIMITS: dict[str, dict[str, Any]] = {
    "free": {},
    "bucket": {"buckets": ("mine",)},
    "prefix": {"prefixes": ("team/",)},
}


class Rule(NamedTuple):
    """Whom a route lets in, and what it is sent. Without a scope it asks for no API key."""

    scope: str | None
    limited: bool = False
    body: Any = None


SEES = Rule("read", limited=True)
RULES = {
    "GET /v1/health": SEES,
    "GET /v1/nodes": SEES,
    "GET /v1/sets": SEES,
    "GET /v1/capacity": SEES,
    "GET /v1/canaries": SEES,
    "GET /v1/canaries/history": SEES,
    "GET /v1/states": SEES,
    "GET /v1/findings": SEES,
    "GET /v1/forecast": SEES,
    "GET /v1/curves": SEES,
    "GET /v1/figures": SEES,
    "GET /v1/alerts": SEES,
    "GET /v1/alerts/history": SEES,
    "GET /v1/channels": Rule("read"),
    "GET /v1/silences": Rule("read"),
    "GET /v1/scale": Rule("read"),
    "POST /v1/scale/try": Rule("read", body={}),
    "POST /v1/scale/in": Rule("admin", body={"name": "nobody"}),
    "POST /v1/scale/launches/{name}": Rule("admin", body={"does": "forget"}),
    "POST /v1/alerts/acknowledge": Rule("admin", body={"alert": "none"}),
    "POST /v1/silences": Rule("admin", body={"seconds": 1}),
    "DELETE /v1/silences/{id}": Rule("admin"),
    "GET /health": Rule(None),
    "GET /metrics": Rule(None),
    "GET /internal/v1/overview": Rule(None),  # a token of the cluster secret: test_monitor.py
    "POST /internal/v1/alerts/acknowledge": Rule(None),
}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The routes of the monitor that runs, as it put them together."""
    found: set[str] = set()
    made = monitor.app.pages_of

    def pages_of(*parts: Any) -> Any:
        app = made(*parts)
        found.update(
            f"{route.method} {route.resource.canonical}"
            for route in app.router.routes()
            if route.method != "HEAD" and route.resource is not None
        )
        return app

    monkeypatch.setattr(monitor.app, "pages_of", pages_of)
    return found


async def _make_keys(tmp_path, url: str) -> None:
    async with Bus(settings_for(tmp_path, url)).opened() as bus:
        await bus.wait_connected()
        live = LiveClusterMap(bus, KEYS, tmp_path / "writer", domain=None, replicas=1)
        for scope in SCOPES:
            for limit, facts in LIMITS.items():
                name = f"{scope}-{limit}"
                await live.put(AccessKey(name, hash_api_key(name), (scope,), 1, **facts))


async def _ask(daemon, route: str, key: str | None, body: Any = None) -> tuple[int, str]:
    method, path = route.split(" ")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = daemon.base + path.format(name="nobody", id="none")
    async with daemon._session.request(method, url, json=body, headers=headers) as response:
        return response.status, await response.text()


async def _are_known(daemon) -> None:
    """The monitor has heard of them all."""
    for scope in SCOPES:
        for limit in LIMITS:
            async with asyncio.timeout(20):
                while (await _ask(daemon, "GET /v1/nodes", f"{scope}-{limit}"))[0] == 401:  # noqa: ASYNC110 - asked over HTTP
                    await asyncio.sleep(0.02)


async def test_a_key_gets_where_its_scope_leads_and_a_limited_one_orders_nothing(
    settings,  # noqa: F811
    own_nats,
    tmp_path,
    served,
):
    await _make_keys(tmp_path, own_nats.url)
    async with running(settings) as daemon:
        await _are_known(daemon)
        assert served == set(RULES)
        for route, rule in RULES.items():
            if rule.scope is None:
                continue
            assert (await _ask(daemon, route, None, rule.body))[0] == 401, route
            for scope in SCOPES:
                for limit in LIMITS:
                    status, text = await _ask(daemon, route, f"{scope}-{limit}", rule.body)
                    cell = (route, scope, limit, status, text[:200])
                    if scope == rule.scope and (limit == "free" or rule.limited):
                        assert status not in {401, 403, 500}, cell
                    else:
                        assert status == 403, cell
