"""Pixels to another size, in bands where one go would need much memory.

Resizing goes over one direction first and keeps what that gives until it has gone over the other: for a large
picture made a little smaller that is half as much again as the picture itself. Band by band it is a few
megabytes, for the same pixels: a band reads the rows around it, as if it were not cut. Called by `resizing`
and `picture`.
"""

from __future__ import annotations

from math import ceil

from PIL import Image

from storage_node.rendering.geometry import Box, Size
from storage_node.rendering.lanczos import SUPPORT, lanczos

# From six times smaller on, pixels are first averaged in whole blocks: no eye tells the difference.
_REDUCING_GAP = 3.0
_PIXEL_BYTES = 4  # whatever the mode but L, which needs less
_MOST_BETWEEN = 32 << 20  # bytes between the two directions
_BAND = 4 << 20


def resampled(image: Image.Image, size: Size, box: Box | None = None) -> Image.Image:
    """The part of `image` within `box` (the whole of it) at `size`, by Lanczos."""
    box = box or (0, 0, *image.size)
    row_bytes = (
        size[0] * (box[3] - box[1]) / size[1] * _PIXEL_BYTES
    )  # between the two, for a row of the result
    # Transparency would be multiplied in for the whole picture, band by band; blocks begin anew in each band.
    in_blocks = min((box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]) >= 2 * _REDUCING_GAP
    if image.mode == "RGBA" or in_blocks or row_bytes * size[1] <= _MOST_BETWEEN:
        return _at_once(image, size, box)
    whole, rows = Image.new(image.mode, size), max(1, int(_BAND / row_bytes))
    for top in range(0, size[1], rows):
        bottom = min(top + rows, size[1])
        whole.paste(_at_once(image, (size[0], bottom - top), _band(box, size[1], top, bottom)), (0, top))
    return whole


def _band(box: Box, height: int, top: int, bottom: int) -> Box:
    """The part of `box` that rows `top` to `bottom` of a result of `height` are made of."""
    left, upper, right, lower = box
    step = (lower - upper) / height
    return left, upper + top * step, right, min(lower, upper + bottom * step)


def _at_once(image: Image.Image, size: Size, box: Box) -> Image.Image:
    blocks = _block(box[2] - box[0], size[0]), _block(box[3] - box[1], size[1])
    if blocks != (1, 1):
        image, box = _in_blocks(image, blocks, size, box)
    return lanczos(image, size, box)


def _block(pixels: float, wanted: int) -> int:
    """How many pixels may be averaged to one beforehand."""
    return max(1, int(pixels / wanted / _REDUCING_GAP))


def _in_blocks(image: Image.Image, blocks: Size, size: Size, box: Box) -> tuple[Image.Image, Box]:
    """The means of whole blocks of what `box` is made of, and where `box` lies in them.

    As Pillow does for a `reducing_gap`.
    """
    left, upper, right, lower = box
    around = SUPPORT - 0.5
    wide, high = around * (right - left) / size[0], around * (lower - upper) / size[1]
    x, y = max(0, int(left - wide)), max(0, int(upper - high))
    seen = (x, y, min(image.width, ceil(right + wide)), min(image.height, ceil(lower + high)))
    means = image.reduce(blocks, seen)
    return means, (
        (left - x) / blocks[0],
        (upper - y) / blocks[1],
        min(means.width, (right - x) / blocks[0]),
        min(means.height, (lower - y) / blocks[1]),
    )
