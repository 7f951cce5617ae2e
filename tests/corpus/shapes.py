"""Lines as long as a format allows, and pictures of no size at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from picture_maker import saved
from PIL import Image

from corpus.bricks import gif, gif_frame, grey_tiff, jpeg_sized, png, riff, riff_chunk, tiff
from corpus.specimen import ACCEPTED, HARMLESS, UNDECODABLE, Specimen

FAMILY = "shapes"
_LONGEST = {
    "JPEG": 65_500,
    "PNG": 65_535,
    "WEBP": 16_383,
    "GIF": 65_535,
    "TIFF": 65_535,
    "AVIF": 32_768,
    "BMP": 65_535,
}
_SUFFIX = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "TIFF": "tiff",
    "AVIF": "avif",
    "BMP": "bmp",
}


def specimens(_seed: int) -> Iterator[Specimen]:
    """Lines both ways, then nothing."""
    for decoder, longest in _LONGEST.items():
        for size in ((1, longest), (longest, 1)):
            name = f"{size[0]}x{size[1]}.{_SUFFIX[decoder]}"
            expected = HARMLESS if decoder == "AVIF" else (ACCEPTED,)
            yield Specimen(name, FAMILY, "memory: a line, blown up", expected, partial(_line, decoder, size))
    nothing = {
        "0x80.jpg": lambda: jpeg_sized(0, 80),
        "80x0.jpg": lambda: jpeg_sized(80, 0),
        "0x0.png": lambda: png(0, 0),
        "0x0.tiff": lambda: tiff(grey_tiff(0, 0)),
        "0x0-frame.gif": lambda: gif(10, 10, gif_frame(0, 0, 0, 0)),
        "0x0-canvas.gif": lambda: gif(0, 0, gif_frame()),
        "no-frames.gif": lambda: gif(10, 10),
        "no-content.webp": lambda: riff(riff_chunk(b"VP8 ", b"")),
    }
    for name, make in nothing.items():
        expected = HARMLESS if name.endswith("gif") else (UNDECODABLE,)
        yield Specimen(name, FAMILY, "correctness: a picture of no size", expected, make)


def _line(decoder: str, size: tuple[int, int]) -> bytes:
    options = {"speed": 10, "max_threads": 1} if decoder == "AVIF" else {}
    return saved(decoder, Image.new("RGB", size, "red"), **options)
