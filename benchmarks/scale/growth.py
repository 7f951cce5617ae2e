"""One operation's cost at several sizes, and the exponent b of cost = a * size^b. Pure.

The exponent is the slope of a line through the logarithms, by least squares over all rounds; its error is
the slope's standard error. 0 is flat, 1 is linear; what grows with the logarithm of its size has about 0.1
over the sizes that are measured here (log 10^6 / log 10^3 is 2, over three decades).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct


class Line(NamedTuple):
    """The fitted exponent and its standard error; the cost at size 1."""

    exponent: float
    error: float
    scale: float

    def at(self, size: float) -> float:
        """What the line says for a size."""
        return float(self.scale * size**self.exponent)


class Growth(Struct, frozen=True):
    """Microseconds of CPU for one operation, by size, one figure per round. `of`: what the sizes count.

    `flat`: promised to be flat or logarithmic; the others are shown because somebody will ask.
    """

    name: str
    of: str
    sizes: tuple[int, ...]
    costs: tuple[tuple[float, ...], ...]
    flat: bool = True

    @property
    def medians(self) -> tuple[float, ...]:
        """The middle round of each size."""
        return tuple(statistics.median(rounds) for rounds in self.costs)

    @property
    def line(self) -> Line:
        """Fitted to every round of every size. ValueError for fewer than two sizes."""
        points = [
            (math.log(size), math.log(cost))
            for size, rounds in zip(self.sizes, self.costs, strict=True)
            for cost in rounds
        ]
        return _fit(points)


def growth(name: str, of: str, found: Mapping[int, Sequence[float]], *, flat: bool = True) -> Growth:
    """From seconds by size."""
    sizes = tuple(sorted(found))
    costs = tuple(tuple(round(seconds * 1e6, 3) for seconds in found[size]) for size in sizes)
    return Growth(name, of, sizes, costs, flat)


def _fit(points: Sequence[tuple[float, float]]) -> Line:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    slope, intercept = statistics.linear_regression(xs, ys)
    if len(points) < 3:
        return Line(slope, math.inf, math.exp(intercept))
    left = sum((y - intercept - slope * x) ** 2 for x, y in points) / (len(points) - 2)
    spread = sum((x - statistics.fmean(xs)) ** 2 for x in xs)
    return Line(slope, math.sqrt(left / spread), math.exp(intercept))
