"""How quantities went over a run, as SVG: one small panel each, from 0 up, their names beside them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.result import number

_WIDTH, _PANEL, _LEFT, _RIGHT = 860, 110, 240, 700
_LINE, _GRID = "#1f5fa8", "#d9d9d9"


def course_plot(courses: Mapping[str, Sequence[float]], about: str) -> str:
    """`courses` by name, evenly spaced from the run's begin to its end; `about` is written above."""
    height = 40 + _PANEL * len(courses)
    parts = [_text(20, 24, about)]
    for row, (name, values) in enumerate(courses.items()):
        parts += _panel(40 + row * _PANEL, name, values)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' font-family="sans-serif" font-size="13">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(top: float, name: str, values: Sequence[float]) -> list[str]:
    bottom, highest = top + _PANEL - 20, max(values, default=0) or 1.0
    step = (_RIGHT - _LEFT) / max(1, len(values) - 1)
    points = " ".join(
        f"{_LEFT + i * step:.1f},{bottom - v / highest * (_PANEL - 35):.1f}" for i, v in enumerate(values)
    )
    return [
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{_RIGHT}" y2="{bottom}" stroke="{_GRID}"/>',
        f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="2"/>',
        _text(20, top + 40, name),
        _text(_RIGHT + 10, top + 25, f"most {number(highest)}"),
        _text(_RIGHT + 10, bottom, f"end {number(values[-1]) if values else '–'}"),
    ]


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(text)}</text>'
