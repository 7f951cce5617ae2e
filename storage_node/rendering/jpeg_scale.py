"""JPEG decoded at a reduced scale: at every one that its decoder can make, whatever the sides are.

The decoder makes 1, 2, 3, 4 or 8 pixels a side of a block of 8x8. Pillow's `draft` leaves out 3, with which a
picture that gets three to four times smaller (2,040 pixels to 512) is resized from half as many pixels; and
where a side is no multiple of what it is divided by, it takes a larger scale than asked for, often the whole.
So the decoder is told here. What it makes ends with a row or column that is partly beyond the picture's edge:
of 451 pixels 3/8 are 169.1, and it makes 170. Called by `open_source`.
"""

from __future__ import annotations

from PIL import ImageFile

from storage_node.rendering.geometry import Box, Size

# What the decoder is told (one divided by it: it takes the eighths that are not less), and what it makes.
_EIGHTHS = {8: 1, 4: 2, 3: 3, 2: 4}


def decode_reduced(image: ImageFile.ImageFile, least: Size) -> Box | None:
    """Let an unloaded JPEG load at the smallest scale that still has `least` pixels, width and height.

    Gives which part of the pixels it will load the picture is, if it is not all of them.
    """
    width, height = image.size
    for divisor, eighths in _EIGHTHS.items():
        size = _rounded_up(width, eighths), _rounded_up(height, eighths)
        if size[0] >= least[0] and size[1] >= least[1]:
            _tell(image, divisor, size)
            return 0.0, 0.0, width * eighths / 8, height * eighths / 8
    return None


def _rounded_up(side: int, eighths: int) -> int:
    """As the decoder does."""
    return -(-side * eighths // 8)


def _tell(image: ImageFile.ImageFile, divisor: int, size: Size) -> None:
    """What `draft` does, with a divisor of ours. A test holds every scale against the whole picture."""
    (tile,) = image.tile
    image.draft(None, image.size)  # whole: nothing changed but what keeps `draft` from being called again
    image.tile = [tile._replace(extents=(0, 0, *size))]
    image._size = size
    image.decoderconfig = (divisor, 0)
