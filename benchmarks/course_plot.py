"""How quantities went over a run, as SVG: one small panel each, from 0 up, their names beside them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.result import number
from benchmarks.svg import BLUE, curve, line, picture, text

_PANEL, _LEFT, _RIGHT = 110, 240, 700


def course_plot(courses: Mapping[str, Sequence[float]], about: str) -> str:
    """`courses` by name, evenly spaced from the run's begin to its end; `about` is written above."""
    height = 40 + _PANEL * len(courses)
    parts = [text(20, 24, about)]
    for row, (name, values) in enumerate(courses.items()):
        parts += _panel(40 + row * _PANEL, name, values)
    return picture(height, parts, size=13)


def _panel(top: float, name: str, values: Sequence[float]) -> list[str]:
    bottom, highest = top + _PANEL - 20, max(values, default=0) or 1.0
    step = (_RIGHT - _LEFT) / max(1, len(values) - 1)
    points = ((_LEFT + i * step, bottom - v / highest * (_PANEL - 35)) for i, v in enumerate(values))
    return [
        line(_LEFT, bottom, _RIGHT, bottom),
        curve(points, BLUE),
        text(20, top + 40, name),
        text(_RIGHT + 10, top + 25, f"most {number(highest)}"),
        text(_RIGHT + 10, bottom, f"end {number(values[-1]) if values else '–'}"),
    ]
