"""AVIF and HEIC without EXIF, XMP and other such items: their bytes are blanked where they lie. Pure.

These files name each item's bytes by position, so nothing may move: an item stays listed, and what it held
becomes an empty EXIF or XMP, or spaces. So does whatever no picture uses between the items. Linear in the
file. A file that says anything twice, or in a way that is not known here, is `Entangled`: it is refused, not
guessed at. How a picture is turned is told by properties, which stay. Called by `strip`.

Boxes and items: ISO/IEC 14496-12, 8.11; how cameras use them: ISO/IEC 23008-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from storage_node.outline_parts import Buffer

MAX_META_BYTES = 1 << 20  # a phone's picture of 48 tiles has some 4 KB
MAX_BOXES = 64  # in the file, and in its `meta`; there are three, and ten
MAX_ITEMS = 65_536
_TOP = frozenset({b"ftyp", b"meta", b"mdat", b"free", b"skip"})
_IN_META = frozenset({b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"grpl", b"dinf"})
# Items that are pictures, or made of them. What nobody knows is blanked, for it may be anything.
_PICTURES = frozenset(b"hvc1 hev1 hvt1 lhv1 av01 avc1 vvc1 jpeg j2k1 unci grid iovl iden tmap mski".split())
_SAYING = (b"udes", b"uuid", b"udta", b"altt")  # properties that do, and boxes anybody may define
# The offset of the TIFF header that follows, and a directory of nothing.
_NO_EXIF = b"\0\0\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
_NOTHING = {b"Exif": _NO_EXIF, b"mime": b"<x/>"}


class Entangled(Exception):
    """Metadata and picture cannot be told apart with certainty."""


class Span(NamedTuple):
    """Bytes from `start` to before `end`."""

    start: int
    end: int


class _Box(NamedTuple):
    kind: bytes
    body: Span


class _Item(NamedTuple):
    kind: bytes
    spans: tuple[Span, ...]


def boxed_pieces(data: Buffer) -> Iterator[bytes]:
    """The file with its metadata blanked; as long as it was. `Entangled`, before the first piece."""
    top = _boxes(data, Span(0, len(data)), MAX_BOXES)
    metas = [box for box in top if box.kind == b"meta"]
    if len(metas) != 1 or any(box.kind not in _TOP for box in top):
        raise Entangled("boxes")
    items = _items(data, metas[0].body)
    spaces = [box.body for box in top if box.kind == b"mdat"]
    return _blanked(data, top, _checked(items, spaces))


def _blanked(data: Buffer, top: list[_Box], used: list[tuple[Span, bytes]]) -> Iterator[bytes]:
    done = 0
    for box in top:
        if box.kind not in {b"mdat", b"free", b"skip"}:
            continue
        yield data[done : box.body.start]
        inside = [(span, kind) for span, kind in used if box.body.start <= span.start < box.body.end]
        yield from _filled(data, box.body, inside)
        done = box.body.end
    yield data[done:]


def _filled(data: Buffer, space: Span, inside: list[tuple[Span, bytes]]) -> Iterator[bytes]:
    """A box's content: pictures as they are, the rest blank."""
    where = space.start
    for span, kind in inside:
        start = max(span.start, where)  # beyond its own where words lie on words
        yield b" " * (start - where)
        if kind in _PICTURES:
            yield data[span.start : span.end]
        else:
            yield _blank(kind if start == span.start else b"", max(0, span.end - start))
        where = max(where, span.end)
    yield b" " * (space.end - where)


def _blank(kind: bytes, size: int) -> bytes:
    nothing = _NOTHING.get(kind, b"")
    return (nothing if len(nothing) <= size else b"").ljust(size)


def _checked(items: list[_Item], spaces: list[Span]) -> list[tuple[Span, bytes]]:
    """What lies where, in order: each in one of the `spaces`, no picture on anything.

    Words may lie on others: libavif stores once what comes twice.
    """
    used = sorted({(span, item.kind) for item in items for span in item.spans})
    pictures = words = 0  # where the last of each ends
    for span, kind in used:
        is_picture = kind in _PICTURES
        if span.start < (max(pictures, words) if is_picture else pictures):
            raise Entangled("items")
        if not any(space.start <= span.start < span.end <= space.end for space in spaces):
            raise Entangled("items")
        pictures, words = (span.end, words) if is_picture else (pictures, max(words, span.end))
    return used


def _items(data: Buffer, meta: Span) -> list[_Item]:
    if meta.end - meta.start > MAX_META_BYTES:
        raise Entangled("meta")
    whole = data[meta.start : meta.end]
    boxes = _boxes(whole, Span(4, len(whole)), MAX_BOXES)
    parts = {box.kind: whole[box.body.start : box.body.end] for box in boxes}
    if len(parts) != len(boxes) or not _IN_META.issuperset(parts) or any(word in whole for word in _SAYING):
        raise Entangled("meta")
    kinds = dict(_kinds(parts.get(b"iinf", b"")))
    places = dict(_places(_Reader(parts.get(b"iloc", b""))))
    items = [_Item(kinds.get(number, b""), spans) for number, spans in places.items()]
    if any(not item.kind or (not item.spans and item.kind not in _PICTURES) for item in items):
        raise Entangled("an item without a kind, or metadata in the box of positions")
    return items


def _boxes(data: Buffer, where: Span, most: int) -> list[_Box]:
    found: list[_Box] = []
    at = where.start
    while at < where.end:
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8]), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = where.end - at
        if size < head or at + size > where.end or len(found) >= most:
            raise Entangled("a box")
        found.append(_Box(kind, Span(at + head, at + size)))
        at += size
    return found


def _kinds(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Item id and type, as ItemInfoBox has them."""
    reader = _Reader(iinf)
    version, count = reader.number(4) >> 24, 0
    expected = reader.number(2 if version == 0 else 4)
    seen: set[int] = set()
    for box in _boxes(iinf, Span(reader.at, len(iinf)), MAX_ITEMS):
        entry = _Reader(iinf[box.body.start : box.body.end])
        version = entry.number(4) >> 24
        number, protection = entry.number(2 if version == 2 else 4), entry.number(2)
        if box.kind != b"infe" or version not in {2, 3} or protection or number in seen:
            raise Entangled("infe")
        seen.add(number)
        count += 1
        yield number, entry.bytes(4)
    if count != expected:
        raise Entangled("iinf")


def _places(reader: _Reader) -> Iterator[tuple[int, tuple[Span, ...]]]:
    """Item id and where its bytes lie, as ItemLocationBox has them; none for those in the box itself."""
    version = reader.number(4) >> 24
    if version > 2:
        raise Entangled("iloc")
    sizes = reader.number(2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    seen: set[int] = set()
    for _ in range(reader.number(4 if version == 2 else 2)):
        number = reader.number(4 if version == 2 else 2)
        method = reader.number(2) & 15 if version else 0
        elsewhere, begin = reader.number(2), reader.number(base)
        spans = []
        for _ in range(reader.number(2)):
            reader.number(index if version else 0)
            start, size = begin + reader.number(offset), reader.number(length)
            spans.append(Span(start, start + size))
        if elsewhere or number in seen or method > 1 or any(span.end == span.start for span in spans):
            raise Entangled("iloc")
        seen.add(number)
        yield number, () if method else tuple(spans)


class _Reader:
    """Reads numbers one after another; `Entangled` at the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def bytes(self, size: int) -> bytes:
        """So many bytes."""
        self.at += size
        if self.at > len(self._data):
            raise Entangled("the end")
        return self._data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """A big-endian number of so many bytes; 0 for none."""
        return int.from_bytes(self.bytes(size), "big")
