"""A JPEG without what its camera wrote. Pure; linear in the file. Called by `strip`.

Kept, byte for byte: what decoding needs (tables, frames, scans), the colour profile (ICC) and Adobe's word on
the colours. The JFIF header loses its thumbnail, which may show what was cropped away. All else goes: EXIF,
XMP, IPTC, comments, previews, gain maps, and whatever follows the end of the picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from storage_node.outline_parts import Buffer
from storage_node.strip_exif import orientation_exif

# Not an escaped 0xFF, not a fill byte, not a restart: what begins a segment or ends the picture.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_ALONE = frozenset({0x01, _START, _END})
_JFIF, _ICC, _ADOBE = 0xE0, 0xE2, 0xEE
_APPS = range(0xE0, 0xF0)


def jpeg_pieces(data: Buffer, orientation: int) -> Iterator[bytes]:
    """What is left; a broken end is passed on for the decoder to judge."""
    yield data[:2]
    exif = _exif(orientation)
    where = 2
    while found := _MARKER.search(data, where):
        kind, begin = found[1][0], found.start()
        if kind == _END:
            yield data[begin : begin + 2]
            return
        end = _behind(data, found.end(), kind)
        if exif and kind != _JFIF:  # the JFIF header, if there is one, comes first
            yield exif
            exif = b""
        yield _kept(kind, data[begin:end])
        where = end
        if kind == _SCAN:
            after = _MARKER.search(data, end)
            where = after.start() if after else len(data)
            yield data[end:where]
    yield data[where:]


def _behind(data: Buffer, where: int, kind: int) -> int:
    length = 0 if kind in _ALONE else max(2, int.from_bytes(data[where : where + 2], "big"))
    return min(where + length, len(data))


def _kept(kind: int, segment: bytes) -> bytes:
    """The segment, as much of it as stays."""
    body = segment[4:]
    if kind == _JFIF and body.startswith(b"JFIF\0") and len(body) >= 14:
        return b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"
    if kind == _ADOBE and body.startswith(b"Adobe") and len(body) >= 12:
        return b"\xff\xee\x00\x0e" + body[:12]
    if kind == _ICC and body.startswith(b"ICC_PROFILE\0"):
        return segment
    return b"" if kind in _APPS or kind == _COMMENT else segment


def _exif(orientation: int) -> bytes:
    if orientation == 1:
        return b""
    body = b"Exif\0\0" + orientation_exif(orientation)
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
