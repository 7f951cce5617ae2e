"""Two plots as SVG: how far marks are met, and how times are distributed. Pure.

Colours are told apart by lightness too, and every line and bar has its name beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.result import Distribution, Mark, number
from benchmarks.svg import BLUE, GREEN, GRID, INK, ORANGE, PURPLE, RED, box, curve, line, picture, text

_MET, _MISSED = GREEN, RED
_CURVES = (BLUE, ORANGE, PURPLE, GREEN)
_LETTERS = 11

_BAR, _LEFT, _BARS_WIDTH, _MOST = 26, 430, 300, 4.0


def marks_plot(marks: Mapping[str, Mark]) -> str:
    """How far each mark is met: 1 is just so, 2 is twice as good. Those that want 0 are left out."""
    shown = {name: mark for name, mark in marks.items() if mark.bound > 0 and mark.value > 0}
    height = 60 + _BAR * len(shown)
    parts = [text(_LEFT, 20, "× of what is wanted (1: just met)", size=12)]
    for tick in (0, 1, 2, 3, 4):
        x = _LEFT + tick / _MOST * _BARS_WIDTH
        parts.append(line(x, 30, x, height - 20, INK if tick == 1 else GRID))
        parts.append(text(x, height - 6, f"{tick}" if tick < _MOST else "4 or more", anchor="middle"))
    for row, (name, mark) in enumerate(shown.items()):
        parts += _bar(36 + row * _BAR, name, mark)
    return picture(height, parts, size=_LETTERS)


def _bar(y: float, name: str, mark: Mark) -> list[str]:
    score = mark.bound / mark.value if mark.at_most else mark.value / mark.bound
    width = min(score, _MOST) / _MOST * _BARS_WIDTH
    colour = _MET if mark.passed else _MISSED
    return [
        text(_LEFT - 8, y + 13, name, anchor="end"),
        box(_LEFT, y, width, _BAR - 8, colour),
        text(_LEFT + width + 6, y + 13, f"{number(score)} {'' if mark.passed else '(missed)'}".rstrip()),
    ]


_TOP, _BOTTOM, _FROM, _TO = 30, 300, 60, 620


def distribution_plot(distributions: Sequence[Distribution], wanted: Mapping[int, float]) -> str:
    """The share of all (up) that took no longer than a time (right, logarithmic).

    `wanted`: the time within which so many percent should be done; a ring each.
    """
    if not distributions:
        return picture(60, [text(20, 30, "not measured yet")], size=_LETTERS)
    low, high = _decades(distributions)

    def x_of(value: float) -> float:
        share = (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return _FROM + share * (_TO - _FROM)

    def y_of(percent: float) -> float:
        return _BOTTOM - percent / 100 * (_BOTTOM - _TOP)

    parts = [text(_FROM - 44, 18, "% done within")]
    for percent in (0, 25, 50, 75, 99):
        parts.append(line(_FROM, y_of(percent), _TO, y_of(percent), GRID))
        parts.append(text(_FROM - 6, y_of(percent) + 4, f"{percent}", anchor="end"))
    unit = distributions[0].unit
    for tick in _ticks(low, high):
        parts.append(line(x_of(tick), _TOP, x_of(tick), _BOTTOM, GRID))
        parts.append(text(x_of(tick), _BOTTOM + 16, f"{tick:,.0f} {unit}", anchor="middle"))
    for each, colour in zip(distributions, _CURVES, strict=False):
        parts.append(curve(((x_of(v), y_of(p)) for p, v in enumerate(each.percentiles)), colour))
    for percent, value in wanted.items():
        x, y = x_of(value), y_of(percent)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="{_MISSED}" stroke-width="2"/>'
        )
        parts.append(text(x + 9, y + 14, f"wanted: {percent} % in {value:g} {unit}"))
    parts += _legend(distributions)
    return picture(_BOTTOM + 30, parts, size=_LETTERS)


def _legend(distributions: Iterable[Distribution]) -> list[str]:
    parts = []
    for row, (each, colour) in enumerate(zip(distributions, _CURVES, strict=False)):
        y = _TOP + 20 + row * 54
        p50, p99 = each.percentiles[50], each.percentiles[99]
        parts.append(box(_TO + 14, y - 9, 10, 10, colour))
        parts.append(text(_TO + 30, y, each.name))
        parts.append(text(_TO + 30, y + 16, f"p50 {number(p50)} {each.unit}, p99 {number(p99)} {each.unit}"))
    return parts


def _decades(distributions: Sequence[Distribution]) -> tuple[float, float]:
    """Powers of ten around all values; below 1 everything is as good as 1."""
    low = max(1.0, min(each.percentiles[1] for each in distributions))
    high = max(10.0, max(each.percentiles[-1] for each in distributions))
    return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))


def _ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, …; only the powers of ten when there are many."""
    decades = range(round(math.log10(low)), round(math.log10(high)) + 1)
    steps = (1.0, 2.0, 5.0) if len(decades) <= 4 else (1.0,)
    return [tick for d in decades for step in steps if (tick := step * 10.0**d) <= high]
