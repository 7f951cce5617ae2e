"""What a client's headers say about the picture it wants, reduced to few values. Pure.

`f_auto` is answered by `Accept` (RFC 9110 section 12.5.1), `w_auto` and `dpr_auto` by Client Hints (RFC 8942
and https://wicg.github.io/responsive-image-client-hints/, with the older names that browsers still send).
Every value here becomes a derivative of its own, on disks and in caches: so a header that may say anything
becomes one of four tokens, of some widths, of four densities.

A wildcard says nothing about AVIF or WebP: `*/*` is sent by everything, browsers of 2005 and curl included.
Headers that cannot be read count as not sent: a picture that everybody can show is always right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeVar

N = TypeVar("N", int, float)

Accepts = Literal["avif+webp", "avif", "webp", "plain"]

WIDTHS = (100, 200, 320, 480, 640, 800, 960, 1120, 1280, 1440, 1600, 1920, 2240, 2560, 3200, 4096)
DENSITIES = (1.0, 1.5, 2.0, 3.0)
# Each question of `hints.open_questions`, and the headers that answer it: the first that can be read counts.
HEADERS: dict[str, tuple[str, ...]] = {
    "f": ("Accept",),
    "w": ("Sec-CH-Width", "Width"),
    "dpr": ("Sec-CH-DPR", "DPR"),
}
_REMEMBERED = 512  # spellings of Accept; browsers have some dozens
_LONGEST_REMEMBERED = 1024  # characters
_PLAIN = ("image/jpeg", "image/jpg", "image/png", "image/*", "*/*")

Header = Callable[[str], str | None]  # a header's value by its name, several lines joined by commas


class Hints(NamedTuple):
    """What was found out; None: not asked, or not said."""

    accepts: Accepts | None = None
    width: int | None = None
    dpr: float | None = None


def hints_of(questions: frozenset[str], header: Header, accepts: Callable[[str], Accepts]) -> Hints:
    """The answers to `questions`, as the client's headers give them. `accepts`: `accepted`, or a memo of it.

    Width is in CSS pixels where density is asked for as well, for then it is multiplied by it.
    """
    dpr = _first(HEADERS["dpr"], header, density) if "dpr" in questions else None
    pixels = _first(HEADERS["w"], header, width) if "w" in questions else None
    css = math.ceil(pixels / dpr) if pixels and dpr else pixels
    return Hints(accepts(header("Accept") or "") if "f" in questions else None, css, dpr)


def vary(questions: frozenset[str]) -> str:
    """The `Vary` header of every answer to a URL that leaves `questions` open; empty when none is."""
    return ", ".join(name for key in ("f", "w", "dpr") if key in questions for name in HEADERS[key])


def accept_ch(questions: frozenset[str]) -> str:
    """The `Accept-CH` header with which a browser is asked for what it did not say; empty for nothing."""
    return ", ".join(name for key in ("w", "dpr") if key in questions for name in HEADERS[key])


def accepted(accept: str) -> Accepts:
    """Which of the new formats the client shows, and prefers to JPEG and PNG or likes as much."""
    said: dict[str, float] = {}
    for kind, quality in _ranges(accept):
        said[kind] = max(quality, said.get(kind, 0.0))
    avif, webp = said.get("image/avif", 0.0), said.get("image/webp", 0.0)
    plain = max((said[kind] for kind in _PLAIN if kind in said), default=0.0)
    shows_avif, shows_webp = avif > 0 and avif >= max(webp, plain), webp > 0 and webp >= plain
    if shows_avif:
        return "avif+webp" if webp > 0 else "avif"
    return "webp" if shows_webp else "plain"


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        kind, *parameters = part.split(";")
        quality = _quality(parameters)
        if quality is not None:
            yield kind.strip(" \t").lower(), quality


def _quality(parameters: Iterable[str]) -> float | None:
    """0 to 1, to three digits as RFC 9110 has it; None for what is no weight: the range is then not read."""
    for parameter in parameters:
        name, equals, value = parameter.strip(" \t").partition("=")
        if equals and name.lower() == "q":
            return _weight(value)
    return 1.0


def _weight(text: str) -> float | None:
    whole, _, digits = text.partition(".")
    if whole not in {"0", "1"} or len(digits) > 3 or (digits and not (digits.isascii() and digits.isdigit())):
        return None
    weight = float(f"{whole}.{digits or 0}")
    return weight if weight <= 1 else None


def width(text: str) -> int | None:
    """A width in physical pixels, rounded up to one of `WIDTHS`; None for what is no width."""
    pixels = _number(text)
    return None if pixels is None else next((known for known in WIDTHS if known >= pixels), WIDTHS[-1])


def density(text: str) -> float | None:
    """A device pixel ratio, rounded up to one of `DENSITIES`; None for what is no ratio."""
    ratio = _number(text)
    return None if ratio is None else next((known for known in DENSITIES if known >= ratio), DENSITIES[-1])


def _number(text: str) -> float | None:
    """A positive number, as RFC 8941 section 3.3 writes them."""
    text = text.strip(" \t")
    whole, dot, part = text.partition(".")
    if len(whole) > 12 or len(part) > 12 or not whole.isdigit() or not text.isascii():
        return None
    if dot and not part.isdigit():
        return None
    return float(text) or None


def _first(names: Iterable[str], header: Header, read: Callable[[str], N | None]) -> N | None:
    for name in names:
        value = header(name)
        if value is not None and (found := read(value)) is not None:
            return found
    return None


class AcceptMemo:
    """`accepted`, remembered for the spellings that were seen lately. On one thread."""

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._limit = limit
        self._known: dict[str, Accepts] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __call__(self, accept: str) -> Accepts:
        """The token of one `Accept` header."""
        known = self._known.get(accept)
        if known is None:
            known = accepted(accept)
            if len(accept) <= _LONGEST_REMEMBERED:
                self._remember(accept, known)
        return known

    def _remember(self, accept: str, token: Accepts) -> None:
        if len(self._known) >= self._limit:
            self._known.pop(next(iter(self._known)))  # the oldest: whoever sends noise pushes noise out
        self._known[accept] = token
