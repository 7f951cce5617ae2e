"""Few bytes whose header claims many pixels: a decoder that believes it allocates gigabytes."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import partial

import pillow_heif
from picture_maker import scene

from corpus.bricks import (
    chunk,
    gif,
    gif_frame,
    grey_tiff,
    jpeg_sized,
    patched,
    patched_after,
    png,
    riff,
    riff_chunk,
    tiff,
    webp_canvas,
)
from corpus.samples import sample
from corpus.specimen import NO_IMAGE, REFUSED, TOO_MANY, UNDECODABLE, Specimen

FAMILY = "dimension bombs"
_SIDES = ((65_500, 65_500), (10_000, 5_001))  # as much as fits, and just above the default limit


def specimens(_seed: int) -> Iterator[Specimen]:
    """Every format's header, lying."""
    for width, height in _SIDES:
        size = f"{width}x{height}"
        yield _bomb(f"{size}.jpg", partial(jpeg_sized, width, height))
        yield _bomb(f"{size}.png", partial(png, width, height))
        yield _bomb(f"{size}.gif", partial(gif, width, height, gif_frame()))
        yield _bomb(f"{size}.tiff", partial(_tiff, width, height))
        yield _bomb(f"{size}.avif", partial(_boxed, "still.avif", width, height), REFUSED)
        yield _bomb(f"{size}.heic", partial(_boxed, "still.heic", width, height), REFUSED)
        yield _bomb(f"{size}.bmp", partial(_bmp, width, height), (NO_IMAGE, TOO_MANY))
        yield _bomb(f"{size}-canvas.webp", partial(_webp_canvas, width, height), REFUSED)
    yield _bomb("2147483647x1.png", partial(png, 2**31 - 1, 1), REFUSED)
    yield _bomb("4294967295x4294967295.png", partial(png, 2**32 - 1, 2**32 - 1), REFUSED)
    yield _bomb("4294967295x4294967295.tiff", partial(_tiff, 2**32 - 1, 2**32 - 1), REFUSED)
    yield _bomb("negative.bmp", partial(_bmp, -1, -(2**31)), (NO_IMAGE, *REFUSED))
    yield _bomb("16384x16384-lossy.webp", lambda: patched(sample("lossy.webp"), 26, b"\xff\x3f\xff\x3f"))
    yield _bomb("16384x16384-lossless.webp", _lossless_webp)
    yield _bomb("frame-beyond-canvas.gif", lambda: gif(1, 1, gif_frame(), gif_frame(0, 0, 60_000, 60_000)))
    yield _bomb("second-header.png", _second_header, (UNDECODABLE, TOO_MANY))
    yield _bomb("grid-of-65536-tiles.heic", _grid, REFUSED)
    yield _bomb("page-two.tiff", _second_page)


def _bomb(name: str, make, expected: tuple[str, ...] = (TOO_MANY,)) -> Specimen:
    return Specimen(f"claims-{name}", FAMILY, "memory: pixels claimed by a header", expected, make)


def _tiff(width: int, height: int) -> bytes:
    return tiff(grey_tiff(width, height, data_bytes=100))


def _boxed(name: str, width: int, height: int) -> bytes:
    """AVIF and HEIC: the spatial extents, all of them."""
    return patched_after(sample(name), b"ispe", 4, struct.pack(">II", width, height))


def _bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 64, 0, 0, 54) + header + b"\0" * 64


def _webp_canvas(width: int, height: int) -> bytes:
    inner = sample("lossy.webp")[12:]
    return riff(webp_canvas(width, height), inner)


def _lossless_webp() -> bytes:
    bits = (16_383 | 16_383 << 14).to_bytes(4, "little")
    return riff(riff_chunk(b"VP8L", b"\x2f" + bits + b"\0" * 64))


def _second_header() -> bytes:
    """A PNG with a small header and, after it, a large one."""
    return png(10, 10, chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)))


def _grid() -> bytes:
    """A HEIC put together of tiles, whose grid claims 256 by 256 of them."""
    file = pillow_heif.HeifFile()
    file.add_from_pillow(scene(192, 192))
    out = io.BytesIO()
    file.save(out, quality=50, tile_size=64)
    data = out.getvalue()
    at = data.find(b"\0\0\x02\x02\0\xc0\0\xc0")  # version, flags, rows - 1, columns - 1, width, height
    assert at >= 0
    grown = patched(data, at, b"\0\0\xff\xff\x40\0\x40\0")
    return patched_after(grown, b"ispe", 4, struct.pack(">II", 16_384, 16_384))


def _second_page() -> bytes:
    """The first page is small, the second claims the rest."""
    first = grey_tiff(1, 1)
    at = 8 + 2 + 12 * len(first) + 4
    entries = grey_tiff(60_000, 60_000)
    second = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries)
    return tiff(first, at, second + b"\0\0\0\0")
