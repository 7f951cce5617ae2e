"""Ranges and conditional requests: which part of a blob an answer carries, if any. Pure, RFC 9110.

A blob has one strong entity tag, its name, and no modification date: conditions on dates are ignored
(section 13.1.3), and the order of section 13.2.2 shrinks to If-Match, If-None-Match, If-Range, Range.
Several ranges in one request are answered with the whole (section 14.2 allows it, and no image viewer
asks for them); a Range that is no range is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from atoll.errors import PreconditionFailed, RangeNotSatisfiable

_RANGES = re.compile(r"[ \t]*bytes[ \t]*=(?P<set>.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"(?P<first>[0-9]*)-(?P<last>[0-9]*)", re.ASCII)
_TAG = re.compile(r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\U0010ffff]*)"')
_MAX_DIGITS = 18  # more digits than any size has; also spares int() what it refuses to parse


class Conditions(NamedTuple):
    """The request's headers that decide; several lines of one header joined by commas, absent ones None."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_range: str | None = None
    range: str | None = None


class Span(NamedTuple):
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int


def is_unmodified(conditions: Conditions, sha256: str) -> bool:
    """Whether 304 is the answer. `PreconditionFailed` when If-Match does not hold."""
    if conditions.if_match is not None and not _matches(conditions.if_match, sha256, strong=True):
        raise PreconditionFailed("The image has another hash than If-Match names.", sha256=sha256)
    return conditions.if_none_match is not None and _matches(conditions.if_none_match, sha256, strong=False)


def requested_span(conditions: Conditions, sha256: str, size: int) -> Span | None:
    """The part asked for by a GET; None for the whole. `RangeNotSatisfiable` tells the size."""
    if conditions.range is None:
        return None
    if conditions.if_range is not None and not _is_this(conditions.if_range, sha256):
        return None
    spans = _parse(conditions.range, size)
    if not spans or size == 0:
        return None
    possible = [span for span in spans if span.start < span.end]
    if not possible:
        raise RangeNotSatisfiable(f"The image has {size} bytes.", size=size, got=conditions.range[:80])
    return spans[0] if len(spans) == 1 else None


def _parse(header: str, size: int) -> list[Span]:
    """The ranges of a header, cut to the size; empty spans lie outside. No spans: ignore the header."""
    match = _RANGES.fullmatch(header)
    if not match:
        return []
    spans = []
    for part in match["set"].split(","):
        text = part.strip(" \t")
        if not text:
            continue  # RFC 9110 section 5.6.1.2: empty list elements are skipped
        span = _span(text, size)
        if span is None:
            return []
        spans.append(span)
    return spans


def _span(text: str, size: int) -> Span | None:
    match = _RANGE.fullmatch(text)
    if not match or text == "-":
        return None
    first, last = _number(match["first"]), _number(match["last"])
    if first is None:
        return Span(max(0, size - (last or 0)), size)
    if last is not None and last < first:
        return None
    return Span(min(first, size), size if last is None else min(last + 1, size))


def _number(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _tags(header: str) -> Iterator[tuple[bool, str]]:
    for match in _TAG.finditer(header):
        yield match["weak"] is not None, match["opaque"]


def _matches(header: str, sha256: str, *, strong: bool) -> bool:
    """RFC 9110 section 8.8.3.2: a weak tag never matches strongly."""
    if header.strip(" \t") == "*":
        return True
    return any(opaque == sha256 and not (strong and weak) for weak, opaque in _tags(header))


def _is_this(if_range: str, sha256: str) -> bool:
    """Exactly our strong tag; a date never is, for a blob has none."""
    return if_range.strip(" \t") == f'"{sha256}"'
