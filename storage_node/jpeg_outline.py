"""A JPEG's segments and scans, counted, and its end looked for. Pure; linear in the file.

Else nothing is refused here: libjpeg takes many a JPEG that breaks the letter of the standard, and it alone
says which. But it misses the end only while it still needs data: of one picture in twenty all pixels are
there before the last byte. Bytes between segments, which Pillow reads one by one, count as parts each.
Called by `container_outline`.
"""

from __future__ import annotations

import re
from itertools import islice

from storage_node.outline_parts import Bounds, Buffer, Tally, Truncated

# Not an escaped 0xFF, not a fill byte, not a restart: what begins a segment or ends the picture.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_SCAN_BEGINS = re.compile(rb"\xff\xda")
_SCAN, _END = 0xDA, 0xD9
_END_OF_IMAGE = (
    b"\xff\xd9"  # in a scan's data 0xFF is escaped, so nothing else there looks like it (T.81, B.1.1.2)
)
_ALONE = frozenset({0x01, 0xD8, 0xD9})  # markers without a length
_FIRST = 2  # behind the start of the picture


def count_parts(data: Buffer, bounds: Bounds) -> None:
    """Raises TooManyParts, and Truncated for a picture that is begun and not ended."""
    head = _up_to_first_scan(data, Tally(bounds.parts))
    if head is None:
        return
    if data.rfind(_END_OF_IMAGE) < head:
        raise Truncated
    if _may_have(data, head, bounds.scans):
        _count_scans(data, head, bounds)


def _up_to_first_scan(data: Buffer, parts: Tally) -> int | None:
    """Where the first scan begins; None when there is none."""
    where = _FIRST
    while found := _MARKER.search(data, where):
        parts.add(1 + found.start() - where)
        kind = found[1][0]
        if kind == _SCAN:
            return found.start()
        if kind == _END:
            return None
        where = _behind(data, found.end(), kind)
    return None


def _behind(data: Buffer, where: int, kind: int) -> int:
    return where if kind in _ALONE else where + max(2, int.from_bytes(data[where : where + 2], "big"))


def _may_have(data: Buffer, where: int, scans: int) -> bool:
    """Whether more than `scans` could begin there: a quick look, which counts a preview's scans too.

    By an expression: over a picture's data `find` takes two to three times as long for these two bytes.
    """
    begun = islice(_SCAN_BEGINS.finditer(data, where), scans + 1)
    return sum(1 for _ in begun) > scans


def _count_scans(data: Buffer, where: int, bounds: Bounds) -> None:
    parts, scans = Tally(bounds.parts), Tally(bounds.scans, "scans")
    while found := _MARKER.search(data, where):
        parts.add()
        kind = found[1][0]
        if kind == _END:
            return
        if kind == _SCAN:
            scans.add()
        where = _behind(data, found.end(), kind)
