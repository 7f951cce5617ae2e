"""ThumbHash: a picture in some 25 bytes, with its proportions and its transparency. Pure.

Written from the published algorithm (https://evanw.github.io/thumbhash/, MIT): light, two colour differences
and alpha as cosine terms of four bits each. Our own because the packages that have it are either left alone
or want the picture as a list of Python numbers at full size; this works on sums that are made once.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import NamedTuple

from storage_node.looks.waves import NOTHING, Channel, Colours, terms


class _Coded(NamedTuple):
    steady: float
    terms: list[float]  # 0 to 1, where 0.5 is none
    scale: float


def thumbhash(colours: Colours, width: int, height: int) -> str:
    """In base64, for a picture displayed at this size."""
    most = 7 if colours.alpha is None else 5
    longer = max(width, height)
    wide, high = max(1, _round(most * width / longer)), max(1, _round(most * height / longer))
    light = _coded(
        [r + g + b for r, g, b in zip(*colours.fine, strict=True)], 765, max(3, wide), max(3, high)
    )
    yellow = _coded([r + g - 2 * b for r, g, b in zip(*colours.coarse, strict=True)], 510, 3, 3)
    red = _coded([r - g for r, g, _ in zip(*colours.coarse, strict=True)], 255, 3, 3)
    alpha = None if colours.alpha is None else _coded(colours.alpha, 255, 5, 5)
    landscape = width > height
    head = (
        _round(63 * light.steady)
        | _round(31.5 + 31.5 * yellow.steady) << 6
        | _round(31.5 + 31.5 * red.steady) << 12
        | _round(31 * light.scale) << 18
        | (alpha is not None) << 23
        | (high if landscape else wide) << 24
        | _round(63 * yellow.scale) << 27
        | _round(63 * red.scale) << 33
        | landscape << 39
    )
    nibbles = [] if alpha is None else [_round(15 * alpha.steady), _round(15 * alpha.scale)]
    for coded in (light, yellow, red, alpha):
        nibbles += [] if coded is None else [_round(15 * term) for term in coded.terms]
    return base64.b64encode(head.to_bytes(5, "little") + _pairs(nibbles)).decode()


def _coded(channel: Channel, whole: int, wide: int, high: int) -> _Coded:
    """A channel whose values are parts of `whole`."""
    steady, *others = (term / whole for term in terms(channel, _kept(wide, high)))
    scale = max(map(abs, others))
    if scale < NOTHING:
        scale = 0.0
    return _Coded(steady, [0.5 + 0.5 * term / scale if scale else 0.0 for term in others], scale)


@cache
def _kept(wide: int, high: int) -> tuple[tuple[int, int], ...]:
    """The waves above the diagonal: what is fine both ways is not seen in a blur."""
    return tuple(
        (along, down)
        for down in range(high)
        for along in range(wide)
        if along + down > 0 and along * high < wide * (high - down)
    )


def _pairs(nibbles: list[int]) -> bytes:
    even = [*nibbles, 0] if len(nibbles) % 2 else nibbles
    return bytes(low | high << 4 for low, high in zip(even[::2], even[1::2], strict=True))


def _round(value: float) -> int:
    """Halves go up, as in the original."""
    return int(value + 0.5)
