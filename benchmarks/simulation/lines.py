"""Lines over time as SVG, their names at their ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.svg import BLUE, GREEN, INK, ORANGE, PURPLE, RED, box, curve, line, picture, text

_COLOURS = (BLUE, ORANGE, PURPLE, GREEN, RED, INK)
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 300, 70, 640, 40, 260
_TICKS = 5
_ROOM = 14.0  # between two names

Points = Sequence[tuple[float, float]]


def lines_plot(lines: Mapping[str, Points], about: str, across: str) -> str:
    """`lines` by name: points of (time, share of 1); `across` says what goes to the right."""
    end = max(x for points in lines.values() for x, _ in points) or 1.0
    parts = [text(_LEFT - 50, 22, about), text(_RIGHT, _BOTTOM + 34, across, anchor="end")]
    for number in range(_TICKS):
        share = number / (_TICKS - 1)
        parts += _grid(share, end)
    taken: list[float] = []
    for (name, points), colour in zip(lines.items(), _COLOURS, strict=False):
        parts.append(curve(((_x(x, end), _y(y)) for x, y in points), colour))
        at = _free(_y(points[-1][1]), taken)
        parts.append(box(_RIGHT + 10, at - 8, 10, 10, colour))
        parts.append(text(_RIGHT + 26, at + 1, name))
    return picture(_HEIGHT, parts)


def _grid(share: float, end: float) -> list[str]:
    x, y = _x(share * end, end), _y(share)
    return [
        line(_LEFT, y, _RIGHT, y),
        text(_LEFT - 8, y + 4, f"{share:.0%}", anchor="end"),
        text(x, _BOTTOM + 16, f"{share * end:,.0f}", anchor="middle"),
    ]


def _x(value: float, end: float) -> float:
    return _LEFT + value / end * (_RIGHT - _LEFT)


def _y(share: float) -> float:
    return _BOTTOM - min(1.0, max(0.0, share)) * (_BOTTOM - _TOP)


def _free(y: float, taken: list[float]) -> float:
    """Where a name fits that is meant for `y`: above those that are there already."""
    while any(abs(y - other) < _ROOM for other in taken):
        y -= _ROOM
    taken.append(y)
    return y
