"""Pictures just within all limits, in few bytes and in what takes most memory for a pixel: they are taken."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

from picture_maker import saved
from PIL import Image

from corpus.bricks import Entry, chunk, grey_tiff, tiff, zeros
from corpus.specimen import ACCEPTED, HARMLESS, Specimen

FAMILY = "at the limit"
_SIDE = 7000  # 49 megapixels
_SIZE = (_SIDE, _SIDE)
_DEFLATE = 8
_ENOUGH = 256 << 20  # zero bytes: four for each pixel and more
_FLOATS = {"nan": float("nan"), "infinite": float("inf"), "huge": 3e38, "negative": -1e9}


def specimens(_seed: int) -> Iterator[Specimen]:
    """By how much each pixel takes; then numbers that are none."""
    yield _case("of-16-bits.png", _deep_png)
    yield _case("of-16-bits.tiff", partial(_tiff, (16,), 1))
    yield _case("of-floats.tiff", partial(_tiff, (32,), 1, (339, 3, 1, 3)))
    yield _case("of-one-colour.gif", lambda: saved("GIF", Image.new("P", _SIZE, 3)))
    yield _case("of-cmyk.jpg", lambda: saved("JPEG", Image.new("CMYK", _SIZE, (1, 50, 99, 4))))
    yield _case("with-alpha.webp", _webp)
    for name, number in _FLOATS.items():
        make = partial(_floats, number)
        yield Specimen(f"floats-{name}.tiff", FAMILY, "rendering: no such brightness", HARMLESS, make)


def _case(name: str, make) -> Specimen:
    return Specimen(f"49-megapixels-{name}", FAMILY, "memory: as much as is allowed", (ACCEPTED,), make)


def _deep_png() -> bytes:
    """Grey and alpha, each of 16 bits."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *_SIZE, 16, 4, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zeros(_ENOUGH)) + chunk(b"IEND", b"")


def _tiff(bits: tuple[int, ...], photometric: int, *more: Entry) -> bytes:
    """One strip of zeros."""
    data, samples = zeros(_ENOUGH), len(bits)
    end = 8 + 2 + 12 * len(grey_tiff(1, 1, *more)) + 4
    depth: Entry = (258, 3, samples, end) if samples > 2 else (258, 3, 1, bits[0])
    place: Entry = (273, 4, 1, end + 2 * samples)
    own = (depth, (262, 3, 1, photometric), place, (277, 3, 1, samples), *more)
    entries = grey_tiff(*_SIZE, *own, compression=_DEFLATE, data_bytes=len(data))
    return tiff(entries, rest=struct.pack(f"<{samples}H", *bits) + data)


def _webp() -> bytes:
    """As libwebp writes it in three seconds: every pixel is the same and takes no bit of the file."""
    return bytes.fromhex(
        "5249464626000000574542505650384c190000002f57dbd516075081540820000a1a02495bbced8f8f88e87f0000"
    )


def _floats(number: float) -> bytes:
    """Ten by ten, one of them this number."""
    pixels = struct.pack("<100f", *([0.5] * 99), number)
    more = ((258, 3, 1, 32), (339, 3, 1, 3))
    at = 8 + 2 + 12 * len(grey_tiff(10, 10, *more)) + 4
    return tiff(grey_tiff(10, 10, (273, 4, 1, at), *more, data_bytes=400), rest=pixels)
