"""The monitor's HTTP: /v1/… for people and programs with a read key, /health for whoever supervises it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from atoll.cluster_map import LiveClusterMap
from atoll.http import Handler, json_response, problems
from monitor.alert_api import AlertApi
from monitor.canary_board import CanaryBoard
from monitor.clock import Clock
from monitor.door import Door
from monitor.growth_watch import GrowthWatch
from monitor.health import Health
from monitor.heartbeats import HeartbeatListener
from monitor.views import capacity_view, health_view, node_view, set_views
from monitor.watch import Watch


class MonitorApi:
    """One method per path; each answers from memory."""

    def __init__(
        self,
        name: str,
        watch: Watch,
        cluster_map: LiveClusterMap,
        heartbeats: HeartbeatListener,
        connected: Callable[[], bool],
        clock: Clock,
        canaries: CanaryBoard,
        health: Health,
        growth: GrowthWatch,
    ) -> None:
        self._name, self._watch, self._map = name, watch, cluster_map
        self._heartbeats, self._connected, self._clock = heartbeats, connected, clock
        self._canaries, self._health, self._growth = canaries, health, growth

    def health(self) -> Any:
        """The cluster in one look."""
        rows = self._watch.rows()
        return health_view(
            rows,
            set_views(rows, self._map.current),
            [condition.detail for condition in self._health.book.standing],
            connected=self._connected(),
            refused=dict(self._heartbeats.refused),
        )

    def nodes(self) -> Any:
        """Every node, its state and last heartbeat."""
        now_ms = self._clock.now_ms()
        return {"nodes": [node_view(row, now_ms) for row in self._watch.rows()]}

    def sets(self) -> Any:
        """Every replica set and its members' health."""
        return {"sets": set_views(self._watch.rows(), self._map.current)}

    def capacity(self) -> Any:
        """Bytes and percentages of nodes, sets and the whole."""
        return capacity_view(self._watch.rows())

    def states(self) -> Any:
        """The state of every node, set, region, engine and service, with its reasons."""
        return {"states": self._health.view()}

    def findings(self) -> Any:
        """What is not as it should be, and what to do about it: the most urgent first."""
        return {"findings": self._health.book.standing}

    def forecast(self) -> Any:
        """When nodes, sets and regions will be full."""
        return {"forecasts": self._growth.view()}

    def canaries(self) -> Any:
        """How canaries came through, from every region to every other."""
        return {"canaries": self._canaries.view()}

    def alive(self) -> Any:
        """That the monitor runs, and whether it can hear. No facts about the cluster: it needs no key."""
        return {"name": self._name, "state": "ready", "nats_connected": self._connected()}


def make_app(api: MonitorApi, alerts: AlertApi, door: Door, metrics: Handler) -> web.Application:
    """The routes; everything under /v1 needs a key with the scope `read`."""
    app = web.Application(middlewares=[problems])
    answers = (api.health, api.nodes, api.sets, api.capacity, api.canaries)
    for answer in (*answers, api.states, api.findings, api.forecast):
        app.router.add_get(f"/v1/{answer.__name__}", _keyed(answer, door))
    alerts.add_routes(app.router)
    app.router.add_get("/health", _open(api.alive))
    app.router.add_get("/metrics", metrics)
    return app


def _keyed(answer: Callable[[], Any], door: Door) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        door.sees(request)
        return json_response(answer(), headers={"Cache-Control": "no-store"})

    return handle


def _open(answer: Callable[[], Any]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return json_response(answer(), headers={"Cache-Control": "no-store"})

    return handle
