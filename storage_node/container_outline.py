"""What a picture's container says of itself, without decoding: canvas, frames, and whether its end is there.

Pure: parses a buffer, touches no pixel, follows no offset backwards, so it takes time linear in the file.
It exists for what the decoders do not tell in time or at all: Pillow counts a GIF's frames only by walking
them and takes a cut-off animation for a shorter one, libwebp allocates its canvas before anyone can ask for
its size, and libheif draws a grid whose last tiles are missing. JPEG and TIFF need none of this.
Called in the inspection worker, before any decoder sees the bytes.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable

Buffer = bytes | mmap.mmap


class Truncated(Exception):
    """The container goes on after the end of the file."""


class Malformed(Exception):
    """The container contradicts its own grammar."""


def canvas(decoder: str, data: Buffer) -> tuple[int, int] | None:
    """Width and height that the header claims, in pixels, for the Pillow plugin `decoder`; None: ask it.

    Raises Truncated.
    """
    read = _CANVASES.get(decoder)
    return read(data) if read else None


def frames(decoder: str, data: Buffer) -> int | None:
    """Walk the container to its end and count the frames; None: ask the decoder.

    Raises Truncated, Malformed.
    """
    walk = _WALKS.get(decoder)
    return walk(data) if walk else None


def _at(data: Buffer, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise Truncated
    return data[at : at + size]


def _little(data: Buffer, at: int, size: int) -> int:
    return int.from_bytes(_at(data, at, size), "little")


def _big(data: Buffer, at: int, size: int) -> int:
    return int.from_bytes(_at(data, at, size), "big")


def _gif_canvas(data: Buffer) -> tuple[int, int]:
    return _little(data, 6, 2), _little(data, 8, 2)


def _png_canvas(data: Buffer) -> tuple[int, int]:
    return _big(data, 16, 4), _big(data, 20, 4)


def _webp_canvas(data: Buffer) -> tuple[int, int]:
    """The first chunk has it, in one of three encodings."""
    kind = _at(data, 12, 4)
    if kind == b"VP8X":
        return _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF


def _gif_frames(data: Buffer) -> int:
    """Blocks up to the trailer; every image descriptor is a frame."""
    at = 13 + _colour_table(_at(data, 10, 1)[0])
    count = 0
    while (kind := _at(data, at, 1)) != b";":
        if kind == b"!":
            at = _after_blocks(data, at + 2)
        elif kind == b",":
            count += 1
            at = _after_blocks(data, at + 11 + _colour_table(_at(data, at + 9, 1)[0]))
        elif kind == b"\0":
            at += 1  # padding that some encoders leave and every browser skips
        else:
            raise Malformed(f"GIF block {kind!r}")
    return count


def _colour_table(flags: int) -> int:
    """Bytes of the colour table that a descriptor's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: Buffer, at: int) -> int:
    """The offset after a run of sub-blocks, each its length and that many bytes; an empty one ends it."""
    while length := _at(data, at, 1)[0]:
        at += 1 + length
    return at + 1


def _png_frames(data: Buffer) -> int:
    """Chunks up to IEND; acTL says how many frames an animation has."""
    count, at, kind = 1, 8, b""
    while kind != b"IEND":
        length, kind = _big(data, at, 4), _at(data, at + 4, 4)
        if kind == b"acTL":
            count = _big(data, at + 8, 4)
        at += 12 + length
        if at > len(data):
            raise Truncated
    return count


def _webp_frames(data: Buffer) -> None:
    """Only RIFF's own length: libwebp counts well, once the canvas is known to be small enough."""
    if 8 + _little(data, 4, 4) > len(data):
        raise Truncated


# The boxes that a decoder needs. After them, makers append bytes that are no boxes at all.
_NEEDED_BOXES = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})


def _boxes(data: Buffer) -> None:
    """Top-level boxes of AVIF and HEIC, up to the end or to what is no box."""
    at = 0
    while at + 8 <= len(data):
        length, kind = _big(data, at, 4), data[at + 4 : at + 8]
        if length == 1:
            length = _big(data, at + 8, 8)
        if length == 0:
            return  # it reaches to the end, wherever that is
        if length < 8 or at + length > len(data):
            if kind not in _NEEDED_BOXES:
                return
            raise Truncated if length >= 8 else Malformed(f"box {kind!r} of {length} bytes")
        at += length


_CANVASES: dict[str, Callable[[Buffer], tuple[int, int]]] = {
    "GIF": _gif_canvas,
    "PNG": _png_canvas,
    "WEBP": _webp_canvas,
}
_WALKS: dict[str, Callable[[Buffer], int | None]] = {
    "GIF": _gif_frames,
    "PNG": _png_frames,
    "WEBP": _webp_frames,
    "AVIF": _boxes,
    "HEIF": _boxes,
}
