"""Costs against sizes, both logarithmic, one small panel for each operation: flat is a level line. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.result import number
from benchmarks.scale.growth import Growth
from benchmarks.svg import BLUE, ORANGE, curve, line, picture, text

_PANEL_WIDTH, _PANEL, _COLUMNS = 430, 190, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 36, 50, 30  # a panel's margins
_APART = 56  # between two figures that are written
_DECADES = 2.0  # of cost, below and above the middle


def growth_plot(growths: Sequence[Growth]) -> str:
    """All of them; the fitted lines are dashed."""
    rows = max(1, -(-len(growths) // _COLUMNS))
    parts = [
        part
        for place, each in enumerate(growths)
        for part in _panel(place % _COLUMNS * _PANEL_WIDTH, place // _COLUMNS * _PANEL, each)
    ] or [text(20, 30, "not measured yet")]
    return picture(rows * _PANEL, parts, size=11)


def _panel(left: float, top: float, each: Growth) -> list[str]:
    low, high = math.log10(each.sizes[0]), math.log10(each.sizes[-1])
    middle = math.log10(each.line.at(10 ** ((low + high) / 2)))

    def x(size: float) -> float:
        share = (math.log10(size) - low) / (high - low)
        return left + _LEFT + share * (_PANEL_WIDTH - _LEFT - _RIGHT)

    def y(cost: float) -> float:
        share = (math.log10(cost) - middle) / (2 * _DECADES) + 0.5
        return top + _PANEL - _BOTTOM - min(1.0, max(0.0, share)) * (_PANEL - _TOP - _BOTTOM)

    ends = (each.sizes[0], each.sizes[-1])
    measured = zip(each.sizes, each.medians, strict=True)
    parts = [
        text(left + 14, top + 20, each.name),
        text(left + 14, top + 36, f"exponent {each.line.exponent:.2f} ± {each.line.error:.2f}"),
        curve(((x(size), y(each.line.at(size))) for size in ends), ORANGE, dashed=True),
        curve(((x(size), y(cost)) for size, cost in measured), BLUE),
    ]
    named = -math.inf
    for size, cost in zip(each.sizes, each.medians, strict=True):
        parts.append(f'<circle cx="{x(size):.1f}" cy="{y(cost):.1f}" r="3" fill="{BLUE}"/>')
        if x(size) - named < _APART:
            continue
        named = x(size)
        parts.append(text(x(size), y(cost) - 8, f"{number(cost)} µs", anchor="middle"))
        parts.append(text(x(size), top + _PANEL - 10, f"{size:,}", anchor="middle"))
    ground = top + _PANEL - _BOTTOM
    parts.append(line(left + _LEFT, ground, left + _PANEL_WIDTH - _RIGHT, ground))
    return parts
