"""How much an encoder may throw away: fixed qualities by format, and `q_auto`, which measures.

For `auto` a sample of the picture (four pieces, 256 pixels a side together) is encoded at a few qualities
and compared with itself; the lowest quality whose likeness (`metric`) reaches the level's target is taken.
A smooth sky needs less than a text, and gets less. Targets and ladders come from measuring photographs:
the ladders' ends keep noise, which no quality keeps alike, from costing everything. Called by `encode`.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from atoll.transformation.steps import AutoQuality, Format
from storage_node.rendering.metric import similarity

DEFAULTS: dict[Format, int] = {"jpg": 80, "webp": 80, "avif": 60, "png": 100, "gif": 100}

_TARGETS: dict[AutoQuality, float] = {
    "auto:best": 0.98,
    "auto": 0.965,
    "auto:eco": 0.95,
    "auto:low": 0.925,
}
_LADDERS: dict[Format, tuple[int, ...]] = {
    "jpg": (40, 48, 55, 62, 68, 74, 80, 86),
    "webp": (40, 50, 58, 65, 72, 78, 82, 86),
    "avif": (38, 43, 48, 53, 58, 63, 68, 75),
}
_SAMPLE_SIDE = 256

Encode = Callable[[Image.Image, int, io.BytesIO], None]


def quality_of(asked: int | AutoQuality | None, image: Image.Image, written: Format, encode: Encode) -> int:
    """The number to encode with; `encode` writes a picture with a number."""
    if isinstance(asked, int):
        return asked
    ladder = _LADDERS.get(written)
    if asked is None or ladder is None:
        return DEFAULTS[written]
    return _lowest(ladder, _sample(image), _TARGETS[asked], encode)


def _lowest(ladder: tuple[int, ...], sample: Image.Image, target: float, encode: Encode) -> int:
    low, high = 0, len(ladder) - 1
    while low < high:
        middle = (low + high) // 2
        if _likeness(sample, ladder[middle], encode) >= target:
            high = middle
        else:
            low = middle + 1
    return ladder[low]


def _likeness(sample: Image.Image, quality: int, encode: Encode) -> float:
    written = io.BytesIO()
    encode(sample, quality, written)
    written.seek(0)
    with Image.open(written) as again:
        return similarity(sample, again)


def _sample(image: Image.Image) -> Image.Image:
    """The picture itself if it is small, else the middles of its four quarters side by side."""
    opaque = image.convert("RGB") if image.mode != "L" else image
    if max(opaque.size) <= _SAMPLE_SIDE:
        return opaque
    width, height = (min(_SAMPLE_SIDE, side) // 2 or 1 for side in opaque.size)
    sheet = Image.new(opaque.mode, (2 * width, 2 * height))
    for across in (0, 1):
        for down in (0, 1):
            left = _piece(opaque.width, width, across)
            top = _piece(opaque.height, height, down)
            piece = opaque.crop((left, top, left + width, top + height))
            sheet.paste(piece, (across * width, down * height))
    return sheet


def _piece(whole: int, part: int, half: int) -> int:
    return min(max(0, whole * (1 + 2 * half) // 4 - part // 2), whole - part)
