"""How much of each slow wave a channel has: the first terms of the discrete cosine transform. Pure.

Channels are square and small. What needs few waves is asked of a coarser grid (`Colours.coarse`): four
waves along a side are in 8 pixels as well as in 16, at a quarter of the price.

A product of two grids, p·q, is asked for as their distance: |p - q|² = |p|² + |q|² - 2 p·q. That `math.dist`
computes in C, for 64 pixels in the time that Python takes for eight; so each wave is kept as a grid, and none
is put together of rows and columns, which are fewer products and more calls. What rounding leaves of a wave
that a channel does not have is below `NOTHING`.
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


class _Wave(NamedTuple):
    """On a grid, and |q|² of it."""

    levels: tuple[float, ...]
    square: float


def terms(channel: Channel, wanted: Iterable[tuple[int, int]]) -> list[float]:
    """The channel's mean, then that under each wanted wave: its number along a row and down, not both 0."""
    levels, size = tuple(map(float, channel)), len(channel)
    side, square, dist = math.isqrt(size), math.dist(levels, (0.0,) * size) ** 2, math.dist
    waves = (_wave(side, along, down) for along, down in wanted)
    parts = [(square + wave.square - dist(levels, wave.levels) ** 2) / 2 for wave in waves]
    return [part / size for part in (sum(levels), *parts)]


@cache
def _wave(side: int, along: int, down: int) -> _Wave:
    across, upright = _row(side, along), _row(side, down)
    levels = tuple(high * wide for high in upright for wide in across)
    return _Wave(levels, sum(level**2 for level in levels))


def _row(side: int, number: int) -> list[float]:
    return [math.cos(math.pi * number * (at + 0.5) / side) for at in range(side)]
