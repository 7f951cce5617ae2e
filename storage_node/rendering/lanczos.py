"""Lanczos over the pixels of a picture, by the processor's vector instructions where there is a wheel for it.

Pillow's own loop takes one number at a time; fast_image_resize has the same filter for SSE4.1, AVX2 and NEON
(https://github.com/Cykooz/fast_image_resize). Where its wheel is not to be had (Linux on aarch64), and for
modes it does not know, Pillow does it. Both go over the rows first and over the columns then, so that all
nodes make the same picture: levels are cut in between, and cut levels show. Called by `resample`.
"""

from __future__ import annotations

from math import ceil

from PIL import Image

from storage_node.rendering.geometry import Box, Size

try:
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
except ModuleNotFoundError:
    FAST_MODES: frozenset[str] = frozenset()
else:
    FAST_MODES = frozenset(("L", "RGB", "RGBA", "CMYK"))

SUPPORT = 3  # pixels of the result to either side that a pixel is made of


def lanczos(image: Image.Image, size: Size, box: Box) -> Image.Image:
    """What lies within `box` (pixels, also parts of them), at `size`; transparent pixels lend no colour."""
    if image.mode not in FAST_MODES or (size == image.size and box == (0, 0, *size)):
        return image.resize(size, Image.Resampling.LANCZOS, box=box)
    if image.mode == "RGBA":
        return _rows_then_columns(image.convert("RGBa"), size, box).convert("RGBA")
    return _rows_then_columns(image, size, box)


def _rows_then_columns(image: Image.Image, size: Size, box: Box) -> Image.Image:
    left, upper, right, lower = box
    around = SUPPORT * max(1.0, (lower - upper) / size[1])
    top, bottom = max(0, int(upper - around)), min(image.height, ceil(lower + around))
    narrow = _resized(image, (size[0], bottom - top), (left, top, right, bottom))
    return _resized(narrow, size, (0, upper - top, size[0], lower - top))


def _resized(image: Image.Image, size: Size, box: Box) -> Image.Image:
    """Where `box` is as wide or as high as `size` already, that direction is left out."""
    if size == image.size and box == (0, 0, *size):
        return image
    left, upper, right, lower = box
    drawn = Image.new(image.mode, size)
    drawn.info = image.info.copy()
    part = CropBox(left, upper, right - left, lower - upper)
    Resizer().resize_pil(
        image, drawn, ResizeOptions(ResizeAlg.convolution(FilterType.lanczos3), crop_box=part)
    )
    return drawn
