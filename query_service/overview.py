"""The whole cluster in one document: what this service sees itself, and what a monitor says.

Made at most once a second however many look at it: a stream for each open page asks for the same bytes.
Figures that move without meaning anything – a load's third digit, the free bytes of a disk that logs, the
minute of a day on which it will be full, the seconds of hours of silence – are rounded, so that a cluster at
rest says nothing. Called by overview_api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from atoll.errors import AtollError
from atoll.monitor_api import MonitorOverview, WatchedForecast, WatchedLag
from query_service.cluster_sight import ClusterSight
from query_service.cluster_wire import NodeView, RegionView, SetView
from query_service.monitor_link import MonitorLink

FRESH_SECONDS = 0.9
LEAST_LAG = 30  # seconds; below it is the rhythm of the comparison itself
_MEBI = 2**20
_SECOND = 1000  # ms


class ClusterOverview(Struct, frozen=True):
    """The cluster in one look. `service`: the query service that sees it so; `monitor`: what one says of
    it, null when none can be asked, and then `monitor_away` says why.

    Free bytes are in whole mebibytes. `age_ms` is of nodes that are silent only; ages are in whole seconds,
    of two minutes and more in whole minutes, of two hours and more in whole hours. Days have three digits.
    """

    service: str
    regions: list[RegionView]
    nodes: list[NodeView]
    sets: list[SetView]
    monitor: MonitorOverview | None
    monitor_away: str | None


class _Made(NamedTuple):
    at: float  # when it was ready: many may have waited for a slow monitor, and all of them get this one
    body: bytes


class OverviewDesk:
    """Makes it. `clock`: monotonic seconds."""

    def __init__(
        self, service: str, sight: ClusterSight, link: MonitorLink, clock: Callable[[], float]
    ) -> None:
        self._service, self._sight, self._link, self._clock = service, sight, link, clock
        self._making = asyncio.Lock()
        self._made: _Made | None = None

    async def current(self) -> bytes:
        """As JSON, ready for at most `FRESH_SECONDS`."""
        async with self._making:
            if self._made is None or self._clock() - self._made.at >= FRESH_SECONDS:
                body = msgspec.json.encode(await self._make())
                self._made = _Made(self._clock(), body)
            return self._made.body

    def drop(self) -> None:
        """Something was ordered just now that whoever ordered it wants to see."""
        self._made = None

    async def _make(self) -> ClusterOverview:
        word, away = None, None
        try:
            word = _steady_word(await self._link.overview())
        except AtollError as error:  # said on the page, beside what we see ourselves
            away = error.detail
        return ClusterOverview(
            service=self._service,
            regions=self._sight.regions(),
            nodes=[_steady(node) for node in self._sight.nodes() if node.state != "removed"],
            sets=[_steady_set(each) for each in self._sight.sets()],
            monitor=word,
            monitor_away=away,
        )


def _steady(node: NodeView) -> NodeView:
    return replace(
        node,
        age_ms=None if node.health == "healthy" else _age(node.age_ms),
        load=None if node.load is None else round(node.load, 1),
        bytes_free=_whole(node.bytes_free),
        outbox_age_ms=_age(node.outbox_age_ms),
    )


def _steady_set(each: SetView) -> SetView:
    members = [replace(member, bytes_free=_whole(member.bytes_free)) for member in each.members]
    return replace(each, bytes_free=_whole(each.bytes_free), members=members)


def _steady_word(word: MonitorOverview) -> MonitorOverview:
    forecasts = tuple(_steady_forecast(forecast) for forecast in word.forecasts)
    return replace(word, forecasts=forecasts, lags=tuple(_steady_lag(lag) for lag in word.lags))


def _steady_forecast(each: WatchedForecast) -> WatchedForecast:
    return replace(each, days=_digits(each.days), early=_digits(each.early), late=_digits(each.late))


def _digits(days: float | None) -> float | None:
    return None if days is None else float(f"{days:.3g}")


def _steady_lag(lag: WatchedLag) -> WatchedLag:
    """In steps of half a minute: what is below the first is the same as none."""
    return replace(lag, seconds=lag.seconds // LEAST_LAG * LEAST_LAG)


def _age(ms: int | None) -> int | None:
    """As people say it: nobody counts the seconds of an hour."""
    if ms is None:
        return None
    step = _SECOND if ms < 120 * _SECOND else 60 * _SECOND if ms < 7200 * _SECOND else 3600 * _SECOND
    return ms // step * step


def _whole(size: int | None) -> int | None:
    return None if size is None else size // _MEBI * _MEBI
