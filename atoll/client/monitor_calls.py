"""What the monitor is asked: states, findings, alerts. I/O; every function raises `AtollError` classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from msgspec import Struct

from atoll.client.canary_calls import PathList, RegionPath
from atoll.client.connection import open_session
from atoll.client.query import QueryServices

ANSWER_SECONDS = 5.0
REACH = 10  # times the history that a forecast rests on (monitor/growth_watch.py)
T = TypeVar("T")


class StateView(Struct, frozen=True):
    """A node, region, set, engine or service: its state, why, and for how many seconds."""

    scope: str
    name: str
    state: Literal["healthy", "warning", "critical", "unknown"]
    since: str
    seconds: float
    flapping: bool
    reasons: tuple[str, ...] = ()


class Finding(Struct, frozen=True):
    """Something that is not as it should be, and what to do. `since`: Unix milliseconds; 0: just seen.

    `settling`: it is well again, and leaves the list when that lasts.
    """

    level: Literal["warning", "critical"]
    scope: str
    name: str
    detail: str
    todo: str
    rule: str = ""
    since: int = 0
    flapping: bool = False
    covered: bool = False
    settling: bool = False


class ForecastView(Struct, frozen=True):
    """When something will be full, in days (None: not in sight), and the range that holds it in 80 %."""

    scope: str
    name: str
    unit: str
    free: int
    per_day: float
    days: float | None
    early: float | None
    late: float | None
    known_days: float

    @property
    def is_early(self) -> bool:
        """Whether it looks further than one may act on: the monitor itself does not either."""
        return self.days is not None and self.days > REACH * self.known_days


class ForecastList(Struct, frozen=True):
    """The answer to GET /v1/forecast."""

    forecasts: tuple[ForecastView, ...]


class StateList(Struct, frozen=True):
    """The answer to GET /v1/states."""

    states: tuple[StateView, ...]


class FindingList(Struct, frozen=True):
    """The answer to GET /v1/findings."""

    findings: tuple[Finding, ...]


class MonitorCalls:
    """Asks the monitor at `url`."""

    def __init__(self, url: str, api_key: str, tls_ca_file: Path | None = None) -> None:
        self._url, self._key, self._ca = url, api_key, tls_ca_file

    async def states(self) -> tuple[StateView, ...]:
        """Every subject's state."""
        return (await self.ask("GET", "/v1/states", StateList)).states

    async def findings(self) -> tuple[Finding, ...]:
        """What is not as it should be, the most urgent first."""
        return (await self.ask("GET", "/v1/findings", FindingList)).findings

    async def forecasts(self) -> tuple[ForecastView, ...]:
        """When nodes, sets and regions will be full; nothing of those whose history is too short."""
        return (await self.ask("GET", "/v1/forecast", ForecastList)).forecasts

    async def canaries(self) -> tuple[RegionPath, ...]:
        """How canaries fare from each region to each; nothing when none are flown."""
        return (await self.ask("GET", "/v1/canaries", PathList)).canaries

    async def acknowledge(self, alert: str, why: str = "") -> dict[str, Any]:
        """Say that somebody sees to an alert (its key or id); needs the scope `admin`."""
        return await self.ask("POST", "/v1/alerts/acknowledge", dict[str, Any], {"alert": alert, "why": why})

    async def silence(
        self, seconds: int, rule: str = "*", name: str = "*", region: str = "*", why: str = ""
    ) -> dict[str, Any]:
        """Have nothing told of what matches these patterns; needs the scope `admin`."""
        order = {"seconds": seconds, "rule": rule, "name": name, "region": region, "why": why}
        return await self.ask("POST", "/v1/silences", dict[str, Any], order)

    async def unsilence(self, silence: str) -> dict[str, Any]:
        """End a silence; needs the scope `admin`."""
        return await self.ask("DELETE", f"/v1/silences/{quote(silence, safe='')}", dict[str, Any])

    async def ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        """One question, with a deadline."""
        async with open_session(self._ca) as session:
            monitor = QueryServices([self._url], self._key, lambda: session, patience=0.0)
            return await monitor.call(method, path, kind, body=body, seconds=ANSWER_SECONDS)
