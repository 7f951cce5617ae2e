"""The older way of asking for a thumbnail, `?w=&h=&fit=`, as a transformation. Pure.

Accepted on `/i/` only, and answered by a redirect to the canonical path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from atoll.errors import BadTransformation
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.parser import parse
from atoll.transformation.refusals import closest, refused, shown
from atoll.transformation.steps import Transformation

# What image services and CSS call it, and the mode that does it.
FITS: Mapping[str, str] = {
    "contain": "fit", "inside": "fit", "clip": "fit", "fit": "fit",
    "max": "limit", "scale-down": "limit", "limit": "limit",
    "cover": "fill", "crop": "fill", "outside": "fill",
    "fill": "scale", "scale": "scale", "stretch": "scale",
    "pad": "pad",
}  # fmt: skip
WORDS = ("w", "h", "fit")


def from_query(query: Iterable[tuple[str, str]], limits: Limits = DEFAULTS) -> Transformation | None:
    """The transformation that a query asks for, or None when it has none of `w`, `h`, `fit`.

    Without `fit` it is `contain`. Other words of the query are not looked at. `BadTransformation` as ever.
    """
    said: dict[str, str] = {}
    for word, value in query:
        if word in WORDS and said.setdefault(word, value) != value:
            near = f"{word}={shown(said[word])}"
            raise refused(word, f"{word}={value}", "it is said twice, and differently", near)
    if not said:
        return None
    mode = _mode(said.pop("fit", "contain"))
    if not said:
        raise refused("fit", "fit", "it needs w or h beside it", "w=300")
    return _parsed(mode, said, limits)


def _mode(fit: str) -> str:
    if fit not in FITS:
        rule = f"fit is one of {', '.join(FITS)}"
        raise refused("fit", f"fit={fit}", rule, f"fit={closest(fit, FITS)}")
    return FITS[fit]


def _parsed(mode: str, sides: Mapping[str, str], limits: Limits) -> Transformation:
    for side, value in sides.items():  # pixels only: the older style knows no fractions and no hints
        if not (value.isascii() and value.isdigit()):
            raise refused(side, f"{side}={value}", "a number of pixels belongs there", f"{side}=300")
    try:
        return parse(",".join([f"c_{mode}", *(f"{side}_{value}" for side, value in sides.items())]), limits)
    except BadTransformation as error:
        raise BadTransformation(
            error.detail, **{**error.facts, "got": shown("&".join(f"{k}={v}" for k, v in sides.items()))}
        ) from error
