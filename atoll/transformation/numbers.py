"""Numbers as transformations write them: decimal digits, at most three places kept, one spelling. Pure."""

from __future__ import annotations

import re
from math import gcd

_NUMBER = re.compile(r"-?[0-9]{1,8}(\.[0-9]{1,10})?", re.ASCII)
_PLACES = 3
_LARGEST_PART = 100_000  # of an aspect ratio, reduced: three places of a hundred
_MOST_OBLONG = 100


def number(text: str) -> float | None:
    """The number, rounded to three places; None when `text` is none."""
    return round(float(text), _PLACES) + 0.0 if _NUMBER.fullmatch(text) else None


def whole(text: str) -> int | None:
    """The number if it is written without a point; None otherwise."""
    return int(text) if _NUMBER.fullmatch(text) and "." not in text else None


def spelt(value: float) -> str:
    """The one way a number is written: no zeros at the end, no point without places."""
    return f"{value:.{_PLACES}f}".rstrip("0").rstrip(".")


def ratio(text: str) -> tuple[int, int] | None:
    """`16:9`, `1.91:1` or `1.5` in reduced whole numbers; None when it is no ratio from 1:100 to 100:1."""
    first, _, second = text.partition(":")
    width, height = number(first), number(second) if ":" in text else 1.0
    if not width or not height or width < 0 or height < 0:
        return None
    parts = round(width * 10**_PLACES), round(height * 10**_PLACES)
    reduced = parts[0] // gcd(*parts), parts[1] // gcd(*parts)
    if max(reduced) > _LARGEST_PART or max(reduced) > min(reduced) * _MOST_OBLONG:
        return None
    return reduced


def scaled(value: int, numerator: int, denominator: int) -> int:
    """`value * numerator / denominator`, halves rounded up, in whole numbers: the same on every machine."""
    return (2 * value * numerator + denominator) // (2 * denominator)


def multiplied(value: int, factor: float) -> int:
    """`value * factor`, as `scaled`."""
    return scaled(value, round(factor * 10**_PLACES), 10**_PLACES)
