"""Where a box lies after its picture was mirrored or turned. Pure.

By quarters it follows Pillow's `Image.transpose`, pixel for pixel. Called by whatever moves pixels and knows
boxes in them: `open_source`, `picture` and `shape`.
"""

from __future__ import annotations

from math import cos, radians, sin

from PIL import Image

from storage_node.rendering.geometry import Box, Point

_Turn = Image.Transpose
KEEPS_SIDES = frozenset({_Turn.FLIP_LEFT_RIGHT, _Turn.FLIP_TOP_BOTTOM, _Turn.ROTATE_180})


def turned(box: Box, size: Point, turn: Image.Transpose) -> Box:
    """`box` of a picture of `size`, in that picture after `transpose(turn)`."""
    left, top, right, bottom = box
    width, height = size
    match turn:
        case _Turn.FLIP_LEFT_RIGHT:
            return width - right, top, width - left, bottom
        case _Turn.FLIP_TOP_BOTTOM:
            return left, height - bottom, right, height - top
        case _Turn.ROTATE_180:
            return width - right, height - bottom, width - left, height - top
        case _Turn.TRANSPOSE:
            return top, left, bottom, right
        case _Turn.ROTATE_90:
            return top, width - right, bottom, width - left
        case _Turn.ROTATE_270:
            return height - bottom, left, height - top, right
        case _Turn.TRANSVERSE:
            return height - bottom, width - right, height - top, width - left


def tilted(box: Box, before: Point, after: Point, degrees: float) -> Box:
    """The upright box around `box`, which was in a picture of size `before` that was turned clockwise about
    its middle and is of size `after` now."""
    across, down = cos(radians(degrees)), sin(radians(degrees))
    corners = [(x - before[0] / 2, y - before[1] / 2) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [x * across - y * down + after[0] / 2 for x, y in corners]
    ys = [x * down + y * across + after[1] / 2 for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
