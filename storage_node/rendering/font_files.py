"""A font file opened for drawing. Called by `text`, and by the font worker at the node's start.

The file is read here and handed over as bytes: Pillow, given the path of a file that is gone, would look for
one of that name among the system's.
"""

from __future__ import annotations

import io

from PIL import ImageFont

from storage_node.render_protocol import MAX_FONT_BYTES, FontFamily, FontFile

_WEIGHT = b"Weight"  # the axis as fonts call it: Pillow tells no tags


def face(family: FontFamily, *, bold: bool, italic: bool) -> FontFile:
    """The file for a style; where the family lacks it, the nearest that it has. Nothing is synthesised."""
    styles = {
        (False, False): family.regular,
        (True, False): family.bold,
        (False, True): family.italic,
        (True, True): family.bold_italic,
    }
    found = {style: file for style, file in styles.items() if file is not None}
    return found[min(found, key=lambda style: ((style[1] != italic), (style[0] != bold)))]


def opened(file: FontFile, size: int) -> ImageFont.FreeTypeFont:
    """Raises OSError and ValueError.

    Laid out by Raqm, Pillow's own choice where the build has it: complex scripts, in their own direction.
    """
    with open(file.path, "rb") as source:
        data = source.read(MAX_FONT_BYTES)
    font = ImageFont.truetype(io.BytesIO(data), size)
    if file.weight is not None:
        font.set_variation_by_axes([_value(axis, file.weight) for axis in font.get_variation_axes()])
    return font


def has_weights(font: ImageFont.FreeTypeFont) -> bool:
    """Whether this is a variable font with a weight axis."""
    try:
        axes = font.get_variation_axes()
    except (OSError, NotImplementedError):  # not variable
        return False
    return any(axis["name"] == _WEIGHT for axis in axes)


def _value(axis: ImageFont.Axis, weight: int) -> float:
    if axis["name"] != _WEIGHT:
        return axis["default"] or 0
    return min(max(weight, axis["minimum"] or weight), axis["maximum"] or weight)
