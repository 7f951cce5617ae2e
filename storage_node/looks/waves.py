"""How much of each slow wave a channel has: the first terms of the discrete cosine transform. Pure.

Channels are square and small. What needs few waves is asked of a coarser grid (`Colours.coarse`): four
waves along a side are in 8 pixels as well as in 16, at a quarter of the price.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from operator import mul
from typing import NamedTuple

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
    rows = [channel[start : start + side] for start in range(0, len(channel), side)]
    waves = _waves(side)
    steady: list[float] = [sum(row) for row in rows]  # wave 0 is 1 everywhere
    columns = [steady, *([sum(map(mul, row, wave)) for row in rows] for wave in waves[1:wide])]
    return [sum(map(mul, columns[along], waves[down])) / len(channel) for along, down in wanted]


@cache
def _waves(side: int) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(math.cos(math.pi * number * (at + 0.5) / side) for at in range(side)) for number in range(7)
    )
