"""One whole, harmless picture of every kind that is taken: what truncations and bit flips begin with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from picture_maker import animation, cut_out, heic, saved, scene

_MAKERS: dict[str, Callable[[], bytes]] = {
    "baseline.jpg": lambda: saved("JPEG", scene(120, 80)),
    "progressive.jpg": lambda: saved("JPEG", scene(120, 80), progressive=True),
    "cmyk.jpg": lambda: saved("JPEG", scene(120, 80).convert("CMYK")),
    "rgb.png": lambda: saved("PNG", scene(120, 80)),
    "palette.png": lambda: saved("PNG", scene(120, 80).quantize(32)),
    "moving.png": lambda: animation("PNG", [scene(60, 40, n) for n in range(3)]),
    "lossy.webp": lambda: saved("WEBP", scene(120, 80)),
    "lossless.webp": lambda: saved("WEBP", cut_out(60, 40), lossless=True),
    "moving.webp": lambda: animation("WEBP", [scene(60, 40, n) for n in range(3)]),
    "still.gif": lambda: saved("GIF", scene(120, 80).quantize(64)),
    "moving.gif": lambda: animation("GIF", [scene(60, 40, n) for n in range(3)]),
    "still.avif": lambda: saved("AVIF", scene(120, 80), speed=10, max_threads=1),
    "moving.avif": lambda: animation("AVIF", [scene(60, 40, n) for n in range(3)], speed=10, max_threads=1),
    "still.heic": lambda: heic(scene(120, 80)),
    "raw.tiff": lambda: saved("TIFF", scene(60, 40)),
    "lzw.tiff": lambda: saved("TIFF", scene(120, 80), compression="tiff_lzw"),
    "rgb.bmp": lambda: saved("BMP", scene(60, 40)),
    "palette.bmp": lambda: saved("BMP", scene(60, 40).quantize(16)),
    "deflate.tiff": lambda: saved("TIFF", scene(120, 80), compression="tiff_adobe_deflate"),
}
NAMES = tuple(_MAKERS)


@cache
def sample(name: str) -> bytes:
    """The file's bytes."""
    return _MAKERS[name]()
