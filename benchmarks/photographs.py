"""Large JPEGs with the detail of photographs: sheets of real ones, side by side, none of them enlarged much.

Enlarging a photograph makes a large file that is easy to decode; what costs in a photograph is its detail.
The default photographs are those that come with Atoll (free of rights).
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

import atoll.local

DEFAULT = Path(atoll.local.__file__).parent / "pictures"
_ROW = 340  # pixels: how high each photograph is shown
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")

Size = tuple[int, int]


def photographs(directory: Path) -> list[Image.Image]:
    """Those in `directory`; LookupError when there are none."""
    paths = sorted(path for path in directory.iterdir() if path.suffix.lower() in _ENDINGS)
    if not paths:
        raise LookupError(f"no photographs in {directory}")
    return [_opened(path) for path in paths]


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        width = round(image.width * _ROW / image.height)
        return image.convert("RGB").resize((width, _ROW), Image.Resampling.LANCZOS)


def sheet(of: Sequence[Image.Image], size: Size, rng: random.Random) -> Image.Image:
    """Rows of photographs, some of them mirrored, until `size` is full."""
    made = Image.new("RGB", size)
    for top in range(0, size[1], _ROW):
        left = 0
        while left < size[0]:
            photograph = rng.choice(of)
            if rng.random() < 0.5:
                photograph = photograph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            made.paste(photograph, (left, top))
            left += photograph.width
    return made


def jpeg(image: Image.Image, quality: int) -> bytes:
    """As cameras write them: colours at half the resolution."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return out.getvalue()


def large_jpeg(of: Sequence[Image.Image], size: Size, wanted_bytes: int) -> bytes:
    """A sheet with the grain of a high sensitivity, in the quality that gives about so many bytes."""
    image = sheet(of, size, random.Random(7))
    grain = Image.effect_noise(size, 50)
    image = Image.blend(image, Image.merge("RGB", (grain, grain, grain)), 0.4)
    low, high = 60, 98
    while low < high:
        middle = (low + high + 1) // 2
        part = len(jpeg(image.crop((0, 0, size[0], _ROW)), middle)) * size[1] / _ROW
        low, high = (middle, high) if part <= wanted_bytes else (low, middle - 1)
    return jpeg(image, low)
