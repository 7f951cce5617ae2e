"""How much was used when: a bounded history of every node, kept on disk. I/O only in `load` and `save`.

Each series has at most `MAX_POINTS`. When one more comes, the one goes that is missed least: whose
neighbours lie closest together for its age. So the last minutes are known by the minute and last month by
the half day, whatever the rate of samples. A crash loses what came since the last save; that is minutes of
weeks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from atoll.atomic_file import write_atomically
from monitor.forecast import Point
from monitor.thinning import thinned

log = logging.getLogger(__name__)

MAX_POINTS = 600
MAX_SERIES = 4000
MAX_AGE = 60 * 86_400.0  # seconds
FILE = "growth.json"


class GrowthHistory:
    """Series by name, such as `eu-1/bytes`; each in order of time."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._series: dict[str, list[Point]] = {}

    def load(self) -> None:
        """Start from the file. Blocks; called once. A file that cannot be read costs the history only."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=dict[str, list[Point]])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("the history of growth is unreadable and begins anew: %s", error)
            return
        self._series = {name: sorted(points)[-MAX_POINTS:] for name, points in kept.items()}

    def save(self) -> None:
        """Write the file. Blocks: call it in a thread with `encoded`."""
        self.write(self.encoded())

    def encoded(self) -> bytes:
        """The history as stored."""
        return msgspec.json.encode(self._series)

    def write(self, body: bytes) -> None:
        """Put the file in place. A full disk is said, not fatal: the monitor is needed most just then."""
        try:
            write_atomically(self._path, body)
        except OSError as error:
            log.error("the history of growth cannot be written: %s", error)

    def points(self, name: str) -> list[Point]:
        """The series; empty for a name never seen."""
        return self._series.get(name, [])

    def add(self, name: str, point: Point) -> None:
        """One more point. One that is not later than the last is left out: a clock was put back."""
        points = self._series.get(name)
        if points is None:
            if len(self._series) >= MAX_SERIES:
                return
            points = self._series[name] = []
        if points and point.at <= points[-1].at:
            return
        points.append(point)
        if point.at - points[0].at > MAX_AGE:
            del points[0]
        if len(points) > MAX_POINTS:
            del points[_least_missed(points)]

    def series(self) -> dict[str, list[Point]]:
        """All of them, by name; not to be changed."""
        return self._series

    def learn(self, known: Mapping[str, Sequence[Point]], now: float) -> bool:
        """Put before each series what another monitor knows of the time before; whether that was anything.

        Nothing of what is still to come at `now` (Unix seconds): its clock is ahead.
        """
        learnt = False
        for name, points in known.items():
            mine = self._series.get(name, [])
            older = sorted(p for p in points if p.at < (mine[0].at if mine else now))
            if older and (mine or len(self._series) < MAX_SERIES):
                self._series[name] = thinned([*older, *mine], MAX_POINTS)
                learnt = True
        return learnt

    def keep_only(self, nodes: Iterable[str]) -> None:
        """Forget the series of all other nodes."""
        wanted = set(nodes)
        self._series = {
            name: points for name, points in self._series.items() if name.partition("/")[0] in wanted
        }


def _least_missed(points: list[Point]) -> int:
    """Never the first or the last."""
    now = points[-1].at
    step = (now - points[0].at) / len(points) or 1.0  # so that the newest are not all of age zero

    def missed(index: int) -> float:
        age = now - points[index].at
        return (points[index + 1].at - points[index - 1].at) / (age + step)

    return min(range(1, len(points) - 1), key=missed)
