"""How much of each slow wave a channel has: the first terms of the discrete cosine transform. Pure.

Channels are square and small. What needs few waves is asked of a coarser grid (`Colours.coarse`): four
waves along a side are in 8 pixels as well as in 16, at a quarter of the price.

A product of two rows, p·q, is asked for as their distance: |p - q|² = |p|² + |q|² - 2 p·q. That `math.dist`
computes in C, in a quarter of the time that multiplying and adding in Python takes, and |q|² of a wave is
half of its length. What rounding leaves of a wave that a channel does not have is below `NOTHING`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

NOTHING = 1e-8  # of the whole range; one pixel that differs by one level has five hundred times as much
Channel = Sequence[float]  # of a square, row by row
Rgb = tuple[Channel, Channel, Channel]  # 0 to 255


class Colours(NamedTuple):
    """A picture's channels on two grids, on its mean colour where it is transparent. alpha None: opaque."""

    fine: Rgb
    coarse: Rgb
    alpha: Channel | None


def terms(channel: Channel, wide: int, wanted: Iterable[tuple[int, int]]) -> list[float]:
    """The mean of the channel under each wanted wave: its number along a row (below `wide`) and down."""
    side = math.isqrt(len(channel))
    waves, dist = _waves(side), math.dist
    rows = [channel[start : start + side] for start in range(0, len(channel), side)]
    halves = _halves(rows)
    columns = [
        [sum(row) for row in rows],  # wave 0 is 1 everywhere
        *(
            [half - dist(row, wave) ** 2 / 2 for half, row in zip(halves, rows, strict=True)]
            for wave in waves[1:wide]
        ),
    ]
    halves, sums = _halves(columns), [sum(column) for column in columns]
    return [
        (halves[along] - dist(columns[along], waves[down]) ** 2 / 2 if down else sums[along]) / len(channel)
        for along, down in wanted
    ]


def _halves(rows: Sequence[Sequence[float]]) -> list[float]:
    """(|p|² + |q|²) / 2 of each row and whatever wave."""
    zeros = (0.0,) * len(rows[0])
    return [(math.dist(row, zeros) ** 2 + len(row) / 2) / 2 for row in rows]


@cache
def _waves(side: int) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(math.cos(math.pi * number * (at + 0.5) / side) for at in range(side)) for number in range(7)
    )
