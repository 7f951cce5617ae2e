"""JPEG decoded at a reduced scale: to 3/8 of its sides too, which Pillow's `draft` leaves out.

The decoder makes 1, 2, 3, 4 or 8 pixels a side of a block of 8x8. `draft` knows all of these but 3; a picture
made three to four times smaller (2,040 pixels to 512) would be resized from nearly twice as many pixels
without it. Called by `open_source`.
"""

from __future__ import annotations

from PIL import ImageFile

from storage_node.rendering.geometry import Size

# What the decoder is told (one divided by it: it takes the eighths that are not less), and what it makes.
_EIGHTHS = {8: 1, 4: 2, 3: 3, 2: 4}


def decode_reduced(image: ImageFile.ImageFile, least: Size) -> None:
    """Let an unloaded JPEG load at the smallest scale that still has `least` pixels, width and height."""
    for divisor, eighths in _EIGHTHS.items():
        size = _scaled(image.width, eighths), _scaled(image.height, eighths)
        if size[0] >= least[0] and size[1] >= least[1]:
            _tell(image, divisor, size)
            return


def _scaled(side: int, eighths: int) -> int:
    """As the decoder rounds it."""
    return -(-side * eighths // 8)


def _tell(image: ImageFile.ImageFile, divisor: int, size: Size) -> None:
    """What `draft` does, with a divisor of ours. A test holds every scale against the whole picture."""
    if divisor != 3:
        image.draft(None, size)
        return
    (tile,) = image.tile
    image.draft(None, image.size)  # whole: nothing changed but what keeps `draft` from being called again
    image.tile = [tile._replace(extents=(0, 0, *size))]
    image._size = size
    image.decoderconfig = (divisor, 0)
