"""The colour that covers most of a picture.

Pixels are sorted into 512 boxes by the upper bits of their channels; the fullest box wins, and its pixels'
mean is the colour. A mean over the whole picture would be a grey that nobody sees in it.
"""

from __future__ import annotations

from collections import Counter
from itertools import compress

from PIL import Image

_UPPER = bytes(level >> 5 for level in range(256))  # three bits a channel
_SEEN = 128  # what is more transparent than half has no say


def dominant(image: Image.Image) -> str:
    """As #rrggbb, of a small RGB or RGBA picture; "" when nothing is to be seen at all."""
    channels = [band.tobytes() for band in image.split()]
    if len(channels) == 4:
        seen = [alpha >= _SEEN for alpha in channels[3]]
        channels = [bytes(compress(channel, seen)) for channel in channels[:3]]
    upper = (channel.translate(_UPPER) for channel in channels)
    boxes = [red << 6 | green << 3 | blue for red, green, blue in zip(*upper, strict=True)]
    if not boxes:
        return ""
    ((fullest, count),) = Counter(boxes).most_common(1)
    inside = [box == fullest for box in boxes]
    return "#" + bytes(sum(compress(channel, inside)) // count for channel in channels).hex()
