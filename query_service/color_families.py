"""Twelve families of colours, as people name them, and which one a colour is of. Pure.

By lightness and colourfulness first – what is nearly black, white or without colour is so whatever its hue –
then by hue. Thresholds are in CIE L*a*b* (D65), where a step looks alike everywhere; hues in degrees of its
a/b plane. The nearest of twelve sample colours was refused: it calls dark blues black and pale reds grey.
"""

from __future__ import annotations

import math
import re
from typing import Literal, get_args

from atoll.errors import BadRequest
from atoll.transformation.colors import NAMES

Family = Literal[
    "black", "white", "gray", "red", "orange", "brown", "yellow", "green", "teal", "blue", "purple", "pink"
]
FAMILIES: tuple[str, ...] = get_args(Family)

_HEX = re.compile(r"#?([0-9a-fA-F]{6})", re.ASCII)
_BLACK, _WHITE = 12.0, 92.0  # L*, 0 to 100
_PLAIN = 12.0  # C*: below it there is no colour to speak of
_DARK_ORANGE = 55.0  # L*: a darker orange is brown
_PALE_RED = 65.0  # L*: a lighter red is pink
# (up to which hue, the family)
_HUES = ((20.0, "pink"), (48.0, "red"), (78.0, "orange"), (112.0, "yellow"), (165.0, "green"),
         (225.0, "teal"), (308.0, "blue"), (332.0, "purple"), (360.0, "pink"))  # fmt: skip


def asked_family(text: str) -> str:
    """The family that somebody asks for: its name, a CSS colour's name, or six hex digits. `BadRequest`."""
    name = text.strip().casefold().replace("grey", "gray")
    if name in FAMILIES:
        return name
    found = _HEX.fullmatch(name) or _HEX.fullmatch(NAMES.get(name, ""))
    if found is None:
        raise BadRequest(
            f"color is one of {', '.join(FAMILIES)}, a colour's name in CSS, or #rrggbb.",
            parameter="color",
            got=text[:40],
        )
    return family_of("#" + found[1].lower())


def family_of(color: str) -> str:
    """The family of `#rrggbb`; "" for ""."""
    if not color:
        return ""
    lightness, a, b = _lab(color)
    colorful = math.hypot(a, b)
    if lightness <= _BLACK and colorful < 40:
        return "black"
    if colorful < _PLAIN:
        return "white" if lightness >= _WHITE else "gray"
    hue = math.degrees(math.atan2(b, a)) % 360
    family = next(name for end, name in _HUES if hue <= end)
    return _by_lightness(family, lightness, colorful)


def _by_lightness(family: str, lightness: float, colorful: float) -> str:
    if family == "orange" and lightness < _DARK_ORANGE:
        return "brown"
    if family == "red":
        if lightness > _PALE_RED:
            return "pink"
        return "brown" if colorful < 2.5 * _PLAIN else "red"
    if family == "pink" and lightness < 50:
        return "purple" if colorful < 4 * _PLAIN else "red"
    return family


def _lab(color: str) -> tuple[float, float, float]:
    red, green, blue = (_linear(int(color[i : i + 2], 16) / 255) for i in (1, 3, 5))
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = _cube(x), _cube(y), _cube(z)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _cube(value: float) -> float:
    return float(value ** (1 / 3)) if value > 0.008856 else 7.787 * value + 16 / 116
