"""The small copies that a picture's looks are found from, upright: 16 by 16 in colour, one in grey for faces.

Made of what has just been decoded, without a second picture of its size: a worker at its memory limit has no
room for one, and a placeholder must never be why an upload is refused. So a large picture is thinned first,
by taking a pixel here and there, and only that is converted and averaged; JPEG comes small from its decoder.
The grid of colours is square for every picture: who draws the placeholder stretches it back.
"""

from __future__ import annotations

from PIL import Image

from storage_node.picture_limits import TURNS
from storage_node.rendering import colour

SIDE = 16  # the finest wave of a ThumbHash has six half turns over a side
_THIN_SIDE = 256  # 16 by 16 samples for each pixel of the copy
_MODES = frozenset(
    {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F"}
    | {"I;16", "I;16L", "I;16B", "I;16N"}
)


def small_copy(image: Image.Image, turn: int) -> Image.Image | None:
    """The copy of a loaded picture that EXIF's orientation `turn` still has to be applied to.

    None: its pixels are kept in a way that nothing here knows. An embedded profile is not applied: that
    costs more than all the rest, and a placeholder shows no difference.
    """
    if image.mode not in _MODES:
        return None
    straight = _thin(image)
    plain = colour.to_srgb(colour.plain(straight), None)
    if plain.mode not in {"RGB", "RGBA"}:
        plain = plain.convert("RGB")
    small = plain.resize((SIDE, SIDE), Image.Resampling.BOX)
    return small.transpose(TURNS[turn]) if turn in TURNS else small


def grey_copy(image: Image.Image, turn: int, side: int) -> Image.Image | None:
    """A copy in the picture's own proportions, no side longer than `side` pixels; None as above."""
    if image.mode not in _MODES:
        return None
    grey = colour.to_srgb(colour.plain(_nearly(image, side)), None).convert("L")
    grey.thumbnail((side, side), Image.Resampling.BOX)
    return grey.transpose(TURNS[turn]) if turn in TURNS else grey


def _thin(image: Image.Image) -> Image.Image:
    size = min(image.width, _THIN_SIDE), min(image.height, _THIN_SIDE)
    return image if size == image.size else image.resize(size, Image.Resampling.NEAREST)


def _nearly(image: Image.Image, side: int) -> Image.Image:
    """At least `side` long still, if it was, and not much more; averaged where that takes no second one."""
    factor = max(image.size) // side
    if factor < 2:
        return image
    if image.mode in {"L", "RGB"}:
        return image.reduce(factor)
    return image.resize([max(1, length // factor) for length in image.size], Image.Resampling.NEAREST)
