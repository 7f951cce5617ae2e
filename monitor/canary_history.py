"""How canaries fared over time: by the hour for a week, pair by pair, bounded and kept on disk.

I/O only in `load` and `write`. A crash costs what came since the last round; an unreadable file the past.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct

from atoll.atomic_file import write_atomically
from monitor.canary_sighting import Sighting

log = logging.getLogger(__name__)

HOUR_MS = 3_600_000
HOURS = 7 * 24
MAX_PAIRS = 400  # twenty regions; a week of them is about 4 MiB
FILE = "canaries.json"


class Hour(Struct):
    """The canaries of an hour that began `at` (Unix ms). Lags and reads in seconds, of those that came."""

    at: int
    ok: int = 0
    unsent: int = 0
    lost: int = 0
    stale: int = 0
    failed: int = 0
    lag_sum: float = 0.0
    lag_max: float = 0.0
    read_sum: float = 0.0
    read_max: float = 0.0

    @property
    def flown(self) -> int:
        """How many were expected."""
        return self.ok + self.unsent + self.lost + self.stale + self.failed

    def add(self, sighting: Sighting) -> None:
        """One more."""
        setattr(self, sighting.outcome, getattr(self, sighting.outcome) + 1)
        if sighting.ok:
            lag, read = sighting.lag or 0.0, sighting.read or 0.0
            self.lag_sum, self.lag_max = self.lag_sum + lag, max(self.lag_max, lag)
            self.read_sum, self.read_max = self.read_sum + read, max(self.read_max, read)


class CanaryHistory:
    """Hours by `from→to`; each in order of time."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._hours: dict[str, list[Hour]] = {}

    def load(self) -> None:
        """Start from the file. Blocks; called once."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=dict[str, list[Hour]])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the history of canaries is unreadable and begins anew: %s", error)
            return
        known = list(kept.items())[:MAX_PAIRS]
        self._hours = {pair: sorted(hours, key=lambda hour: hour.at)[-HOURS:] for pair, hours in known}

    def encoded(self) -> bytes:
        """The history as stored."""
        return msgspec.json.encode(self._hours)

    def write(self, body: bytes) -> None:
        """Put the file in place. Blocks. A full disk is said, not fatal."""
        try:
            write_atomically(self._path, body)
        except OSError as error:
            log.error("the history of canaries cannot be written: %s", error)

    def add(self, pair: str, sighting: Sighting) -> None:
        """Count it in its hour. One from before the last hour (a clock was put back) counts in the last."""
        hours = self._hours.get(pair)
        if hours is None:
            if len(self._hours) >= MAX_PAIRS:
                return
            hours = self._hours[pair] = []
        began = sighting.at - sighting.at % HOUR_MS
        if not hours or began > hours[-1].at:
            hours.append(Hour(began))
            del hours[:-HOURS]
        hours[-1].add(sighting)

    def of(self, pair: str) -> list[Hour]:
        """The pair's hours; empty for one never seen."""
        return self._hours.get(pair, [])

    def availability(self, pair: str, since_ms: int) -> float | None:
        """The share of canaries that came since then, 0 to 1; None when none was flown."""
        hours = [hour for hour in self.of(pair) if hour.at + HOUR_MS > since_ms]
        flown = sum(hour.flown for hour in hours)
        return sum(hour.ok for hour in hours) / flown if flown else None

    def keep(self, regions: Collection[str]) -> None:
        """Forget pairs of regions that are gone."""
        self._hours = {pair: h for pair, h in self._hours.items() if set(pair.split("→")) <= set(regions)}
