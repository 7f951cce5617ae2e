"""Watches disks grow and says when they will be full: per node, per set, per region.

A node is full when the first of bytes and inodes is used up; bytes count as used up at the node's reserve,
for there it refuses uploads. A set is full when its first member is. A region is full when the room of all
its nodes is used up at the growth of all of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec import UNSET, Struct

from monitor.capacity import grouped
from monitor.clock import Clock
from monitor.forecast import DAY, Forecast, Growth, Point, forecast, growth_of, in_words, together
from monitor.growth_history import GrowthHistory
from monitor.node_table import NodeRow
from monitor.sample import Sample, Scope, Subject, Survey

SAVE_SECONDS = 300.0
AT_ONCE = 25  # growths worked out in one look: each is some milliseconds of the loop
REACH = 10  # what is known of an hour says something of ten hours, and nothing of next week
Unit = str  # bytes | inodes


class ForecastView(Struct, frozen=True):
    """When something will be full, in days; null: not in sight. `early` to `late` holds it in 80 %.

    `unit`: what is used up first; `per_day`: its growth; `known_days`: how much history that rests on.
    """

    scope: Scope
    name: str
    unit: Unit
    free: int
    per_day: float
    days: float | None
    early: float | None
    late: float | None
    known_days: float

    @property
    def foreseen(self) -> float:
        """`days` as far as one may act on it: infinite beyond `REACH` times what is known.

        Else the first import into a fresh cluster, minutes long, would say that all is full tomorrow.
        """
        days = math.inf if self.days is None else self.days
        return days if days <= REACH * self.known_days else math.inf


class _Room(NamedTuple):
    """One node's disk now."""

    row: NodeRow
    free: dict[Unit, int]


class GrowthWatch:
    """`look` is called with every look of the monitor; `survey` and `view` say what follows."""

    def __init__(
        self, rows: Callable[[], Sequence[NodeRow]], history: GrowthHistory, clock: Clock, every: float
    ) -> None:
        """`every`: seconds between two points of a series."""
        self._rows, self._history, self._clock, self._every = rows, history, clock, every
        self._rooms: list[_Room] = []
        self._growths: dict[str, Growth | None] = {}
        self._due: dict[str, None] = {}
        self._taken_at = float("-inf")

    async def run(self) -> None:
        """Save now and then, for ever, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(SAVE_SECONDS)
                await asyncio.to_thread(self._history.write, self._history.encoded())
        finally:
            self._history.save()

    def look(self) -> None:
        """Take a point of every node when it is time, and work out a few growths."""
        rows = self._rows()
        self._rooms = [_room(row) for row in rows if row.beat is not None and row.beat.bytes_total]
        now = self._clock.monotonic()
        if now - self._taken_at >= self._every:
            self._taken_at = now
            self._take_points({row.node.name for row in rows})
        for name in list(self._due)[:AT_ONCE]:
            del self._due[name]
            self._growths[name] = growth_of(self._history.points(name))

    def anew(self) -> None:
        """Work out all growths again: the history has become longer at its beginning."""
        self._due.update(dict.fromkeys(self._names()))

    def _names(self) -> list[str]:
        return [_series(room, unit) for room in self._rooms for unit in room.free]

    def _take_points(self, nodes: set[str]) -> None:
        """A node that was not heard yet, since this monitor began, keeps its history."""
        at = self._clock.now_ms() / 1000
        if self._rooms:
            self._history.keep_only(nodes)
        for room in self._rooms:
            if room.row.state != "healthy":
                continue  # its figure is old
            for unit, used in _used(room.row):
                self._history.add(_series(room, unit), Point(at, used))
        self.anew()

    def survey(self) -> Survey:
        """Days to full as samples; its subjects are the cluster's, which cluster_survey.py names."""
        self.look()
        regions = {room.row.node.name: room.row.node.region for room in self._rooms}
        return Survey(tuple(_sample(view, _region(view, regions)) for view in self.view()), frozenset())

    def view(self) -> list[ForecastView]:
        """Every forecast that can be made now: nodes, sets, regions, each by name."""
        nodes = {room.row.node.name: made for room in self._rooms if (made := self._of_node(room))}
        return [*nodes.values(), *self._sets(nodes), *self._regions()]

    def _of_node(self, room: _Room) -> ForecastView | None:
        made = [
            _view("node", room.row.node.name, unit, free, forecast(growth, free))
            for unit, free in room.free.items()
            if (growth := self._growths.get(_series(room, unit))) is not None
        ]
        return min(made, key=_soonest, default=None)

    def _sets(self, nodes: dict[str, ForecastView]) -> Iterator[ForecastView]:
        for name, rooms in grouped(self._rooms, lambda room: room.row.node.set):
            members = [room.row.node.name for room in rooms]
            found = [nodes[member] for member in members if member in nodes]
            if found:
                yield _renamed(min(found, key=_soonest), "set", name)

    def _regions(self) -> Iterator[ForecastView]:
        for name, rooms in grouped(self._rooms, lambda room: room.row.node.region):
            growths = [g for room in rooms if (g := self._growths.get(_series(room, "bytes"))) is not None]
            growth = together(growths) if len(growths) == len(rooms) else None
            if growth is not None:
                free = sum(room.free["bytes"] for room in rooms)
                yield _view("region", name, "bytes", free, forecast(growth, free))


def _room(row: NodeRow) -> _Room:
    beat = row.beat
    assert beat is not None
    free = {"bytes": max(0, beat.bytes_free - beat.bytes_reserved)}
    if beat.inodes_free is not UNSET and beat.inodes_free:
        free["inodes"] = beat.inodes_free
    return _Room(row, free)


def _used(row: NodeRow) -> Iterator[tuple[Unit, float]]:
    """Inodes by what is left, for nobody says how many there are: growth is a difference anyway."""
    beat = row.beat
    assert beat is not None
    yield "bytes", float(beat.bytes_total - beat.bytes_free)
    if beat.inodes_free is not UNSET and beat.inodes_free:
        yield "inodes", -float(beat.inodes_free)


def _series(room: _Room, unit: Unit) -> str:
    return f"{room.row.node.name}/{unit}"


def _view(scope: Scope, name: str, unit: Unit, free: int, made: Forecast) -> ForecastView:
    days, early, late = (None if math.isinf(d) else round(d, 6) for d in made[:3])
    known = round(made.growth.span / DAY, 6)
    return ForecastView(scope, name, unit, free, round(made.growth.per_day, 1), days, early, late, known)


def _region(view: ForecastView, regions: dict[str, str]) -> str:
    if view.scope == "node":
        return regions[view.name]
    return view.name if view.scope == "region" else ""


def _renamed(view: ForecastView, scope: Scope, name: str) -> ForecastView:
    return ForecastView(
        scope, name, view.unit, view.free, view.per_day, view.days, view.early, view.late, view.known_days
    )


def _soonest(view: ForecastView) -> tuple[float, float]:
    return (math.inf if view.days is None else view.days, view.free)


def _sample(view: ForecastView, region: str) -> Sample:
    days = view.foreseen
    early = "?" if view.early is None else in_words(view.early)
    late = "never" if view.late is None else in_words(view.late)
    note = f"{early} to {late}, {view.unit}"
    return Sample(f"atoll_{view.scope}_days_to_full", Subject(view.scope, view.name), days, region, note=note)
