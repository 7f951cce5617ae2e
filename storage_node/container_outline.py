"""What a picture's container says of itself, without decoding: canvas, frames, and whether its end is there.

Pure: parses a buffer, touches no pixel, follows no offset backwards, so it takes time linear in the file.
It exists for what the decoders do not tell in time or at all: Pillow counts a GIF's frames only by walking
them and takes a cut-off animation for a shorter one, libwebp allocates its canvas before anyone can ask for
its size, libheif draws a grid whose last tiles are missing, and libjpeg may take a JPEG without its end.
TIFF and BMP need none of this.
Every walk counts a container's parts against a limit (`outline_parts`): that TIFF needs as well.
Called in the inspection worker, before any decoder sees the bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from storage_node import jpeg_outline, tiff_outline
from storage_node.outline_parts import (
    BOUNDS,
    Bounds,
    Buffer,
    Malformed,
    Tally,
    TooManyParts,
    Truncated,
    big,
    little,
    piece,
)

__all__ = ["BOUNDS", "Bounds", "Malformed", "TooManyParts", "Truncated", "canvas", "frames"]


def canvas(decoder: str, data: Buffer) -> tuple[int, int] | None:
    """Width and height that the header claims, in pixels, for the Pillow plugin `decoder`; None: ask it.

    Raises Truncated.
    """
    read = _CANVASES.get(decoder)
    return read(data) if read else None


def frames(decoder: str, data: Buffer, bounds: Bounds = BOUNDS) -> int | None:
    """Walk the container to its end and count the frames; None: ask the decoder.

    Raises Truncated, Malformed, TooManyParts.
    """
    walk = _WALKS.get(decoder)
    return walk(data, bounds) if walk else None


def _gif_canvas(data: Buffer) -> tuple[int, int]:
    return little(data, 6, 2), little(data, 8, 2)


def _png_canvas(data: Buffer) -> tuple[int, int]:
    return big(data, 16, 4), big(data, 20, 4)


def _webp_canvas(data: Buffer) -> tuple[int, int]:
    """The first chunk has it, in one of three encodings."""
    kind = piece(data, 12, 4)
    if kind == b"VP8X":
        return little(data, 24, 3) + 1, little(data, 27, 3) + 1
    if kind == b"VP8L":
        bits = little(data, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return little(data, 26, 2) & 0x3FFF, little(data, 28, 2) & 0x3FFF


def _gif_frames(data: Buffer, bounds: Bounds) -> int:
    """Blocks up to the trailer; every image descriptor is a frame."""
    parts = Tally(bounds.parts)
    at = 13 + _colour_table(piece(data, 10, 1)[0])
    count = 0
    while (kind := piece(data, at, 1)) != b";":
        parts.add()
        if kind == b"!":
            at = _after_blocks(data, at + 2, parts)
        elif kind == b",":
            count += 1
            at = _after_blocks(data, at + 11 + _colour_table(piece(data, at + 9, 1)[0]), parts)
        elif kind == b"\0":
            at += 1  # padding that some encoders leave and every browser skips
        else:
            raise Malformed(f"GIF block {kind!r}")
    return count


def _colour_table(flags: int) -> int:
    """Bytes of the colour table that a descriptor's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


_SHORT = 64  # bytes: encoders fill their sub-blocks, up to 255 bytes


def _after_blocks(data: Buffer, at: int, parts: Tally) -> int:
    """The offset after a run of sub-blocks, each its length and that many bytes; an empty one ends it."""
    while length := piece(data, at, 1)[0]:
        if length < _SHORT:
            parts.add()
        at += 1 + length
    return at + 1


def _png_frames(data: Buffer, bounds: Bounds) -> int:
    """Chunks up to IEND; acTL says how many frames an animation has."""
    parts = Tally(bounds.parts)
    count, at, kind = 1, 8, b""
    while kind != b"IEND":
        parts.add()
        length, kind = big(data, at, 4), piece(data, at + 4, 4)
        if kind == b"acTL":
            count = big(data, at + 8, 4)
        at += 12 + length
        if at > len(data):
            raise Truncated
    return count


def _webp_frames(data: Buffer, _bounds: Bounds) -> None:
    """Only RIFF's own length: libwebp counts well, once the canvas is known to be small enough."""
    if 8 + little(data, 4, 4) > len(data):
        raise Truncated


# The boxes that a decoder needs. After them, makers append bytes that are no boxes at all.
_NEEDED_BOXES = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})


def _boxes(data: Buffer, bounds: Bounds) -> None:
    """Top-level boxes of AVIF and HEIC, up to the end or to what is no box."""
    parts = Tally(bounds.parts)
    at = 0
    while at + 8 <= len(data):
        parts.add()
        length, kind = big(data, at, 4), data[at + 4 : at + 8]
        if length == 1:
            length = big(data, at + 8, 8)
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
_WALKS: dict[str, Callable[[Buffer, Bounds], int | None]] = {
    "JPEG": jpeg_outline.count_parts,
    "TIFF": tiff_outline.count_parts,
    "GIF": _gif_frames,
    "PNG": _png_frames,
    "WEBP": _webp_frames,
    "AVIF": _boxes,
    "HEIF": _boxes,
}
