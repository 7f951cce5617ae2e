"""Reading single values: choices, numbers in a range, lengths, offsets, colours, public_ids. Pure.

Each reader takes the parameter's key and the text behind it, and gives the value or a refusal that names both
and the nearest that is valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from atoll import names
from atoll.errors import BadName
from atoll.transformation import colors
from atoll.transformation.colors import Color
from atoll.transformation.escapes import unescaped
from atoll.transformation.limits import Limits
from atoll.transformation.numbers import number, spelt, whole
from atoll.transformation.refusals import closest, refused
from atoll.transformation.steps import Offset, Share

FARTHEST = 32_767  # pixels that an offset may go: more than any picture that is decoded has
LARGEST_SHARE = 10.0


def choice(key: str, text: str, options: Iterable[str]) -> str:
    """One of `options`, spelt exactly so."""
    known = list(options)
    if text not in known:
        likely = f"{key}_{closest(text, known)}"
        raise refused(key, f"{key}_{text}", f"{key}_ is one of {', '.join(known)}", likely)
    return text


def _within(key: str, text: str, value: float | None, low: float, high: float, prefix: str) -> float:
    if value is None or not low <= value <= high:
        near = spelt(low if value is None else min(max(value, low), high))
        rule = f"a number from {spelt(low)} to {spelt(high)} belongs there"
        raise refused(key, f"{key}_{prefix}{text}", rule, f"{key}_{prefix}{near}")
    return value


def decimal(key: str, text: str, low: float, high: float) -> float:
    """A number from `low` to `high`; three places are kept."""
    return _within(key, text, number(text), low, high, "")


def integer(key: str, text: str, low: int, high: int, prefix: str = "") -> int:
    """A whole number from `low` to `high`; `prefix` is what stands before it in the parameter."""
    value = whole(text)
    if value is None and (near := number(text)) is not None:
        near = min(max(round(near), low), high)
        raise refused(key, f"{key}_{prefix}{text}", "a whole number belongs there", f"{key}_{prefix}{near}")
    return int(_within(key, text, value, low, high, prefix))


def side(limits: Limits) -> Callable[[str, str], int | Share]:
    """Reads a width or height: pixels, or a fraction written with a point."""

    def read(key: str, text: str) -> int | Share:
        if "." in text:
            return Share(_fraction(key, text, 0.001, LARGEST_SHARE, limits.side))
        return integer(key, text, 1, limits.side)

    return read


def _fraction(key: str, text: str, low: float, high: float, most: int) -> float:
    """A fraction of a side; what is too much for one was probably meant as pixels, and has no point then."""
    value = number(text)
    if value is not None and abs(value) > high:
        pixels = round(min(max(value, -most), most))
        raise refused(key, f"{key}_{text}", "with a point it is a fraction of the side", f"{key}_{pixels}")
    return decimal(key, text, low, high)


def width(limits: Limits) -> Callable[[str, str], int | Share | Literal["auto"]]:
    """Reads a width, which may be `auto` as well."""
    read_side = side(limits)

    def read(key: str, text: str) -> int | Share | Literal["auto"]:
        return "auto" if text == "auto" else read_side(key, text)

    return read


def offset(key: str, text: str) -> Offset:
    """Pixels, or a fraction written with a point; both may be below 0. No way at all is 0 pixels."""
    if "." in text:
        share = _fraction(key, text, -1.0, 1.0, FARTHEST)
        return Share(share) if share else 0
    return integer(key, text, -FARTHEST, FARTHEST)


def spelt_length(value: int | Share | Literal["auto"]) -> str:
    """A length or an offset as it is written: fractions with a point even when they are whole."""
    if isinstance(value, Share):
        text = spelt(value.of)
        return text if "." in text else f"{text}.0"
    return str(value)


def color(key: str, text: str, prefix: str = "") -> Color:
    """A colour by its CSS name or as `rgb:` and digits."""
    found = colors.color_of(text)
    if found is None:
        near = "rgb:ff0000" if text.startswith("rgb") else closest(text, colors.NAMES)
        rule = "a CSS colour name belongs there, or rgb: and 3, 4, 6 or 8 hexadecimal digits"
        raise refused(key, f"{key}_{prefix}{text}", rule, f"{key}_{prefix}{near}")
    return found


def public_id(key: str, text: str) -> str:
    """A public_id with `:` between folders; a colon inside a folder's name is `%3A`."""
    try:
        return names.check_public_id("/".join(unescaped(folder) for folder in text.split(":")))
    except BadName as error:
        raise refused(key, f"{key}_{text}", error.detail, f"{key}_folder:name") from error
    except UnicodeDecodeError as error:
        raise refused(key, f"{key}_{text}", "an escape is no UTF-8", f"{key}_folder:name") from error
