"""What a picture of the cluster is drawn from: curves of use, figures of now, canaries one by one.

For `atoll report` and other programs; needs a key with the scope `read`. Answers from memory, and bounded:
a curve is thinned to `MAX_POINTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web
from msgspec import Struct

from atoll.http import json_response
from monitor.canary_board import CanaryBoard
from monitor.door import Door
from monitor.growth_history import GrowthHistory
from monitor.node_table import NodeRow
from monitor.sample import Sample, Survey
from monitor.thinning import thinned

MAX_POINTS = 200


class Curve(Struct, frozen=True):
    """How much of a node's disk was used when: pairs of Unix seconds and bytes, in order of time."""

    node: str
    region: str
    set: str
    bytes_total: int
    bytes_free: int
    bytes_reserved: int
    points: list[tuple[float, float]]


class PictureApi:
    """One method per route."""

    def __init__(
        self,
        door: Door,
        rows: Callable[[], Sequence[NodeRow]],
        history: GrowthHistory,
        canaries: CanaryBoard,
        measure: Callable[[], Survey],
    ) -> None:
        self._door, self._rows, self._history = door, rows, history
        self._canaries, self._measure = canaries, measure

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/v1/curves", self.curves)
        router.add_get("/v1/figures", self.figures)
        router.add_get("/v1/canaries/history", self.canaries)

    async def curves(self, request: web.Request) -> web.Response:
        """The use of every node's disk over time."""
        self._door.sees(request)
        return _fresh({"curves": [_curve(row, self._history) for row in self._rows() if row.beat]})

    async def figures(self, request: web.Request) -> web.Response:
        """Every figure that the rules go by, now."""
        self._door.sees(request)
        return _fresh({"figures": [_figure(sample) for sample in self._measure().samples]})

    async def canaries(self, request: web.Request) -> web.Response:
        """The last canaries of each pair of regions, and the hours of a week."""
        self._door.sees(request)
        return _fresh({"canaries": self._canaries.history()})


def _curve(row: NodeRow, history: GrowthHistory) -> Curve:
    assert row.beat is not None
    beat, node = row.beat, row.node
    points = [(at, used) for at, used in thinned(history.points(f"{node.name}/bytes"), MAX_POINTS)]
    return Curve(
        node.name, node.region, node.set, beat.bytes_total, beat.bytes_free, beat.bytes_reserved, points
    )


def _figure(sample: Sample) -> dict[str, Any]:
    """An infinite one is null: JSON has no other word for it."""
    return {
        "figure": sample.metric,
        "scope": sample.subject.scope,
        "name": sample.subject.name,
        "value": None if sample.value in {float("inf"), float("-inf")} else sample.value,
        "region": sample.region,
        "note": sample.note,
    }


def _fresh(answer: Any) -> web.Response:
    return json_response(answer, headers={"Cache-Control": "no-store"})
