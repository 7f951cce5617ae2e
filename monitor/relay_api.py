"""The monitor's HTTP for query services: all that it knows in one answer, and that somebody sees to an alert.

Who comes in has a token of the cluster secret (atoll/signing.py), made out to a monitor; a person's key is
looked at by the query service, which also says whose order it is. Answers from memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from atoll.http import json_response, read_json
from atoll.internal_call import internal_caller
from atoll.monitor_api import (
    ACKNOWLEDGE,
    AUDIENCE,
    MAX_ROWS,
    OVERVIEW,
    MonitorOverview,
    RelayedAcknowledgement,
    WatchedAlert,
    WatchedForecast,
    WatchedLag,
    WatchedPath,
    WatchedState,
)
from atoll.signing import Keys
from monitor.alert_api import AlertApi
from monitor.canary_board import CanaryBoard
from monitor.clock import Clock
from monitor.growth_watch import ForecastView
from monitor.lease import Lease
from monitor.sample import Sample, Survey
from monitor.states import StateView

MAX_BODY = 4096
LAG = "atoll_node_repair_lag_seconds"
_WORST = {"critical": 0, "warning": 1, "unknown": 2}
_FRESH = {"Cache-Control": "no-store"}
T = TypeVar("T")


class RelayApi:
    """`forecasts`, `states` and `lags` are asked anew for each answer. `lags`: a survey with `LAG` in it."""

    def __init__(
        self,
        name: str,
        keys: Keys,
        clock: Clock,
        alerts: AlertApi,
        lease: Lease,
        canaries: CanaryBoard,
        states: Callable[[], Sequence[StateView]],
        forecasts: Callable[[], Sequence[ForecastView]],
        lags: Callable[[], Survey],
    ) -> None:
        self._name, self._keys, self._clock = name, keys, clock
        self._alerts, self._lease, self._canaries = alerts, lease, canaries
        self._states, self._forecasts, self._lags = states, forecasts, lags

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get(OVERVIEW, self.overview, allow_head=False)
        router.add_post(ACKNOWLEDGE, self.acknowledge)

    async def overview(self, request: web.Request) -> web.Response:
        """Everything, the most urgent first."""
        await self._check(request)
        return json_response(self.view(), headers=_FRESH)

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Somebody, whose name the query service gives, sees to an alert."""
        await self._check(request)
        order = await read_json(request, RelayedAcknowledgement, MAX_BODY)
        return json_response(
            await self._alerts.acknowledged(order.alert, order.by, order.why), headers=_FRESH
        )

    async def _check(self, request: web.Request) -> None:
        await internal_caller(request, AUDIENCE, self._keys, self._clock.now_ms(), MAX_BODY)

    def view(self) -> MonitorOverview:
        """As it is now."""
        cut: dict[str, int] = {}

        def rows(name: str, kind: type[T], found: Iterable[Any]) -> tuple[T, ...]:
            everything = list(found)
            if len(everything) > MAX_ROWS:
                cut[name] = len(everything) - MAX_ROWS
            return tuple(msgspec.convert(row, kind, from_attributes=True) for row in everything[:MAX_ROWS])

        return MonitorOverview(
            monitor=self._name,
            leader=self._lease.leader,
            states=rows("states", WatchedState, sorted(self._states(), key=_urgency)),
            alerts=rows("alerts", WatchedAlert, self._alerts.views()),
            forecasts=rows(
                "forecasts", WatchedForecast, sorted(map(_forecast, self._forecasts()), key=_soon)
            ),
            canaries=rows("canaries", WatchedPath, self._canaries.view()),
            lags=rows("lags", WatchedLag, map(_lag, self._late())),
            cut=cut,
        )

    def _late(self) -> list[Sample]:
        found = [sample for sample in self._lags().samples if sample.metric == LAG]
        return sorted(found, key=lambda sample: -sample.value)


def _urgency(state: StateView) -> int:
    return _WORST.get(state.state, len(_WORST))


def _forecast(view: ForecastView) -> WatchedForecast:
    return WatchedForecast(
        view.scope, view.name, view.unit, view.days, view.early, view.late, view.known_days,
        foreseen=not math.isinf(view.foreseen),
    )  # fmt: skip


def _soon(view: WatchedForecast) -> float:
    return math.inf if view.days is None else view.days


def _lag(sample: Sample) -> WatchedLag:
    return WatchedLag(sample.subject.name, int(sample.value), sample.note)
