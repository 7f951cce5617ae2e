"""What the monitor's canaries found, as the client reads it. Pure; `MonitorCalls.ask` asks for it."""

from __future__ import annotations

from msgspec import Struct


class RegionPath(Struct, frozen=True, rename={"origin": "from", "target": "to"}):
    """How canaries fare from a region to another. `availability`: of the last 60, `day` and `week` of those,
    0 to 1; `old`: nobody has looked for three rounds."""

    origin: str
    target: str
    ok: bool = False
    outcome: str = ""
    old: bool = False
    at: str = ""
    lag_ms: float | None = None
    read_ms: float | None = None
    availability: float = 0.0
    day: float | None = None
    week: float | None = None
    why: str | None = None


class Flight(Struct, frozen=True):
    """One canary. `at`: Unix ms; `lag`, `read`: seconds."""

    outcome: str
    at: int
    lag: float | None = None
    read: float | None = None


class Flights(Struct, frozen=True, rename={"origin": "from", "target": "to"}):
    """The last canaries of a path."""

    origin: str
    target: str
    last: tuple[Flight, ...] = ()


class PathList(Struct, frozen=True):
    """The answer to GET /v1/canaries."""

    canaries: tuple[RegionPath, ...]


class FlightList(Struct, frozen=True):
    """The answer to GET /v1/canaries/history."""

    canaries: tuple[Flights, ...]
