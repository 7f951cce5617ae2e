"""What a monitor says to query services, and what they order of it: the wire types of its internal API. Pure.

Browsers speak to a query service only; it asks the monitor with a token of the cluster secret that is made
out to `AUDIENCE`, and passes on what its callers may see. Lists are cut at `MAX_ROWS`, the most urgent first.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from atoll.model import Milliseconds

AUDIENCE = "monitor"  # whom the token is made out to: any monitor, for query services know only addresses
OVERVIEW = "/internal/v1/overview"
ACKNOWLEDGE = "/internal/v1/alerts/acknowledge"
MAX_ROWS = 1000
MAX_WHY = 500  # characters

AlertName = Annotated[str, Meta(min_length=1, max_length=300)]
Who = Annotated[str, Meta(min_length=1, max_length=128)]
Why = Annotated[str, Meta(max_length=MAX_WHY)]


class WatchedState(Struct, frozen=True):
    """A node, region, set, engine or service, and how it is. `since`: RFC 3339."""

    scope: str
    name: str
    state: Literal["healthy", "warning", "critical", "unknown"]
    since: str
    flapping: bool = False
    reasons: tuple[str, ...] = ()


class WatchedAlert(Struct, frozen=True):
    """An alert that stands, and what was ordered about it. `since`, `silenced_until`: Unix ms."""

    key: str
    id: str
    rule: str
    level: Literal["warning", "critical"]
    scope: str
    name: str
    region: str
    detail: str
    todo: str
    since: Milliseconds
    flapping: bool = False
    covered: bool = False
    settling: bool = False
    acknowledged_by: str | None = None
    silenced_until: int | None = None


class WatchedForecast(Struct, frozen=True):
    """When something will be full, in days; null: not in sight. `early` to `late` holds it in 80 %.

    `foreseen`: whether one may act on it: its history is long enough to look so far.
    """

    scope: str
    name: str
    unit: str
    days: float | None
    early: float | None
    late: float | None
    known_days: float
    foreseen: bool = False


class WatchedPath(Struct, frozen=True, rename={"origin": "from", "target": "to"}):
    """How canaries fare from a region to another; `day` is the share that came, 0 to 1. `old`: none was
    looked for lately."""

    origin: str
    target: str
    ok: bool
    outcome: str
    old: bool
    at: str
    lag_ms: float | None = None
    read_ms: float | None = None
    day: float | None = None
    why: str | None = None


class WatchedLag(Struct, frozen=True):
    """For how many seconds a node has not held all that its peers hold, and which peer is the latest."""

    node: str
    seconds: int
    note: str = ""


class MonitorOverview(Struct, frozen=True):
    """What a monitor knows of the cluster. `cut`: how many rows of a list were left off."""

    monitor: str
    leader: str
    states: tuple[WatchedState, ...] = ()
    alerts: tuple[WatchedAlert, ...] = ()
    forecasts: tuple[WatchedForecast, ...] = ()
    canaries: tuple[WatchedPath, ...] = ()
    lags: tuple[WatchedLag, ...] = ()
    cut: dict[str, int] = {}


class RelayedAcknowledgement(Struct, frozen=True, forbid_unknown_fields=True):
    """Which alert (its key or its id), who sees to it, and why."""

    alert: AlertName
    by: Who
    why: Why = ""


class Acknowledged(Struct, frozen=True):
    """An alert that somebody sees to; `at`: Unix ms."""

    key: str
    id: str
    level: str
    by: str
    why: str
    at: Milliseconds
