"""BlurHash of 4 by 3 components: a blur as 28 characters, for clients that know no ThumbHash. Pure.

Written from the published algorithm (https://github.com/woltapp/blurhash/blob/master/Algorithm.md, MIT), on
a grid of 8 by 8 pixels. The original samples a pixel's corner, which on so few would push the picture half a
pixel aside; here it is the pixel's middle, as in the limit of a large picture.
"""

from __future__ import annotations

import math
from functools import cache
from operator import itemgetter
from typing import NamedTuple

from storage_node.looks.waves import Channel, Rgb, terms

_WIDE, _HIGH = 4, 3
_WAVES = tuple((along, down) for down in range(_HIGH) for along in range(_WIDE) if along or down)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


class _Term(NamedTuple):
    red: float
    green: float
    blue: float


def blurhash(colours: Rgb) -> str:
    """The hash; it has no alpha."""
    steady, *others = (_Term(*values) for values in zip(*map(_terms, colours), strict=True))
    greatest = max(abs(value) for term in others for value in term)
    step = max(0, min(82, math.floor(greatest * 166 - 0.5)))
    scale = (step + 1) / 166
    size = (_WIDE - 1) + (_HIGH - 1) * 9
    return "".join(
        (
            _digits(size, 1),
            _digits(step, 1),
            _digits(int.from_bytes(bytes(map(_to_srgb, steady))), 4),
            *(_digits(_quantized(term, scale), 2) for term in others),
        )
    )


def _terms(channel: Channel) -> list[float]:
    """Row by row; in linear light, all but the first counted twice, as the algorithm has it."""
    steady, *others = terms(itemgetter(*channel)(_linear()), _WAVES)
    return [steady, *(2 * term for term in others)]


def _quantized(term: _Term, scale: float) -> int:
    red, green, blue = (_nineteenth(value / scale) for value in term)
    return (red * 19 + green) * 19 + blue


def _nineteenth(value: float) -> int:
    return max(0, min(18, math.floor(math.copysign(math.sqrt(abs(value)), value) * 9 + 9.5)))


def _to_srgb(value: float) -> int:
    bounded = max(0.0, min(1.0, value))
    curve = bounded * 12.92 if bounded <= 0.0031308 else 1.055 * bounded ** (1 / 2.4) - 0.055
    return int(curve * 255 + 0.5)


@cache
def _linear() -> tuple[float, ...]:
    """sRGB's 256 levels in linear light."""
    levels = (level / 255 for level in range(256))
    return tuple(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)


def _digits(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83**place % 83] for place in reversed(range(length)))
