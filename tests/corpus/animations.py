"""Animations that disagree with themselves: frames outside the canvas, wrong counts, times that last."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from functools import partial

from corpus.bricks import chunk, gif, gif_frame, patched_after, png, riff, riff_chunk, rows, webp_canvas
from corpus.samples import sample
from corpus.specimen import HARMLESS, REFUSED, Specimen

FAMILY = "animations"


def specimens(_seed: int) -> Iterator[Specimen]:
    """By format."""
    for left, width, height in itertools.product((0, 19, 60_000), (1, 65_535), (1, 65_535)):
        name = f"frame-{width}x{height}-at-{left}.gif"
        yield _case(name, partial(_gif, left, width, height))
    yield _case("disposal-of-nothing.gif", partial(_control, 7, 0))
    yield _case("frame-of-eleven-minutes.gif", partial(_control, 2, 65_535))
    yield _case(
        "transparent-colour-outside.gif", lambda: gif(9, 9, b"!\xf9\4\1\0\0\xff\0", gif_frame(), gif_frame())
    )
    yield _case("control-cut-off.gif", lambda: gif(9, 9, b"!\xf9\1\0\0", gif_frame()))
    for name, box in _BOXES.items():
        yield _case(f"frame-{name}.png", partial(_apng, 2, box))
    yield _case("fewer-frames-than-said.png", partial(_apng, 50, (0, 0, 10, 10)), REFUSED)
    yield _case(
        "frames-without-a-count.png", lambda: png(10, 10, _fctl(0, (0, 0, 10, 10)), data=rows(10, 10))
    )
    yield _case(
        "count-twice.png",
        lambda: png(10, 10, _actl(2), _actl(60), _fctl(0, (0, 0, 10, 10)), data=rows(10, 10)),
    )
    yield _case("frame-outside.webp", partial(_webp, 9000, 9000))
    yield _case("no-frames.webp", lambda: riff(webp_canvas(60, 40, flags=2), riff_chunk(b"ANIM", bytes(6))))
    yield _case("frame-header-alone.webp", partial(_webp, 0, 0, b""))
    yield _case(
        "sizes-disagree.avif", lambda: patched_after(sample("moving.avif"), b"tkhd", 76, b"\x7f\xff\0\0")
    )
    yield _case(
        "times-of-nothing.avif", lambda: patched_after(sample("moving.avif"), b"stts", 4, b"\0\0\0\0")
    )


_BOXES = {
    "outside": (5, 5, 10, 10),
    "far-outside": (2**31 - 1, 0, 10, 10),
    "larger-than-the-canvas": (0, 0, 60_000, 60_000),
    "of-no-size": (0, 0, 0, 0),
}


def _case(name: str, make, expected: tuple[str, ...] = HARMLESS) -> Specimen:
    return Specimen(name, FAMILY, "memory and decoders: frames that disagree", expected, make)


def _gif(left: int, width: int, height: int) -> bytes:
    return gif(20, 20, gif_frame(), gif_frame(left, 0, width, height))


def _control(disposal: int, delay: int) -> bytes:
    control = b"!\xf9\4" + struct.pack("<BHB", disposal << 2, delay, 0) + b"\0"
    return gif(9, 9, control, gif_frame(), control, gif_frame(3, 3), control, gif_frame())


def _actl(count: int) -> bytes:
    return chunk(b"acTL", struct.pack(">II", count, 0))


def _fctl(number: int, box: tuple[int, int, int, int]) -> bytes:
    left, top, width, height = box
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, left, top, 1, 10, 0, 0))


def _apng(count: int, second: tuple[int, int, int, int]) -> bytes:
    whole = png(10, 10, _actl(count), _fctl(0, (0, 0, 10, 10)), data=rows(10, 10))
    more = _fctl(1, second) + chunk(b"fdAT", struct.pack(">I", 2) + rows(10, 10))
    return whole[:-12] + more + whole[-12:]


def _webp(left: int, top: int, picture: bytes | None = None) -> bytes:
    """Two frames; the second lies where it is said (in steps of two pixels)."""
    pixels = sample("lossy.webp")[12:] if picture is None else picture
    size = (119).to_bytes(3, "little") + (79).to_bytes(3, "little") + bytes(4)
    first = riff_chunk(b"ANMF", bytes(6) + size + pixels)
    place = left.to_bytes(3, "little") + top.to_bytes(3, "little")
    second = riff_chunk(b"ANMF", place + size + pixels)
    return riff(webp_canvas(120, 80, flags=2), riff_chunk(b"ANIM", bytes(6)), first, second)
