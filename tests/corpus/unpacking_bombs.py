"""A little that unpacks to a lot: compressed texts, profiles and pixels."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial

from corpus.bricks import chunk, gif, gif_frame, grey_tiff, jpeg, png, rows, sub_blocks, tiff, zeros
from corpus.specimen import ACCEPTED, HARMLESS, REFUSED, Specimen

FAMILY = "unpacking bombs"
_MUCH = 256 << 20  # bytes unpacked; a quarter of a megabyte packed


def specimens(_seed: int) -> Iterator[Specimen]:
    """Texts and profiles of PNG, then pixels."""
    for kind in ("zTXt", "iTXt", "iCCP"):
        yield _bomb(f"{kind}-of-256-megabytes.png", partial(_text, kind, 1), REFUSED)
        yield _bomb(f"{kind}-behind-the-pixels.png", partial(_text_behind, kind), HARMLESS)
    yield _bomb("100-texts-of-1-megabyte.png", partial(_text, "zTXt", 100, 1 << 20), REFUSED)
    yield _bomb("pixels-of-256-megabytes.png", lambda: png(10, 10, data=zeros(_MUCH)), HARMLESS)
    yield _bomb("pixels-of-256-megabytes.tiff", partial(_tiff, 8), HARMLESS)
    yield _bomb("runs-without-end.tiff", partial(_tiff, 32773), HARMLESS)
    yield _bomb("codes-without-end.gif", _gif, HARMLESS)
    yield _bomb("49-megapixels.png", lambda: png(7000, 7000, data=rows(7000, 7000)), (ACCEPTED,))
    yield _bomb("photograph-in-a-text.png", partial(_plain_text, 1_000_000), HARMLESS)


def _bomb(name: str, make, expected: tuple[str, ...]) -> Specimen:
    return Specimen(name, FAMILY, "memory: what unpacks to more than it is", expected, make)


def _body(kind: str, size: int) -> bytes:
    head = b"name\0" + (b"\1\0\0\0" if kind == "iTXt" else b"\0")
    return head + zeros(size)


def _text(kind: str, count: int, size: int = _MUCH) -> bytes:
    return png(10, 10, chunk(kind.encode(), _body(kind, size)) * count, data=rows(10, 10))


def _text_behind(kind: str) -> bytes:
    whole = png(10, 10, data=rows(10, 10))
    return whole[:-12] + chunk(kind.encode(), _body(kind, _MUCH)) + whole[-12:]


def _plain_text(size: int) -> bytes:
    return png(10, 10, chunk(b"tEXt", b"name\0" + jpeg() * (size // len(jpeg()))), data=rows(10, 10))


def _tiff(compression: int) -> bytes:
    """One grey pixel of it is shown; the strip goes on and on."""
    data = zeros(_MUCH) if compression == 8 else b"\x81\0" * 200_000
    entries = grey_tiff(100, 100, compression=compression, data_bytes=len(data))
    at = 8 + 2 + 12 * len(entries) + 4
    entries = grey_tiff(100, 100, (273, 4, 1, at), compression=compression, data_bytes=len(data))
    return tiff(entries, rest=data)


def _gif() -> bytes:
    """A frame of four pixels with a megabyte of codes."""
    codes = zlib.decompress(zlib.compress(b"\x84\x8f\xa9\xcb" * (1 << 18)))
    return gif(2, 2, gif_frame(0, 0, 2, 2, b"\x08" + sub_blocks(codes)))
