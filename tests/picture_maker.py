"""Pictures for tests, made by arithmetic: the same on every machine, with detail everywhere.

And `likeness`: how much two of them look alike.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import pillow_heif
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat


def scene(width: int = 600, height: int = 400, shift: int = 0) -> Image.Image:
    """Soft slopes, hard edges, strong colours and fine lines; no two quarters alike."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (across, down, ImageChops.invert(across)))
    pen = ImageDraw.Draw(image)
    unit = max(1, min(width, height) // 20)
    left = (shift * unit) % max(1, width // 2)
    pen.ellipse((left + unit, unit, left + 7 * unit, 7 * unit), fill=(250, 210, 20))
    pen.rectangle((width - 8 * unit, 2 * unit, width - 3 * unit, 9 * unit), fill=(200, 20, 40))
    pen.polygon(
        [(2 * unit, height - unit), (8 * unit, height - unit), (5 * unit, height - 9 * unit)],
        fill=(20, 60, 200),
    )
    for line in range(5):
        at = width // 2 + 2 * line * unit
        pen.line(
            (at, height // 2, at + 4 * unit, height - unit), fill=(240, 240, 240), width=max(1, unit // 3)
        )
    return image.filter(ImageFilter.GaussianBlur(0.6))


def cut_out(width: int = 300, height: int = 200) -> Image.Image:
    """The scene in a soft disc: RGBA with every degree of transparency."""
    image = scene(width, height).convert("RGBA")
    image.putalpha(ImageChops.invert(Image.radial_gradient("L").resize((width, height))))
    return image


def saved(decoder: str, image: Image.Image | None = None, **options) -> bytes:
    """A file's bytes, written by Pillow."""
    out = io.BytesIO()
    (image if image is not None else scene()).save(out, decoder, **options)
    return out.getvalue()


def heic(image: Image.Image) -> bytes:
    """A HEIC file's bytes."""
    file = pillow_heif.HeifFile()
    file.add_from_pillow(image)
    out = io.BytesIO()
    file.save(out, quality=90, enc_params={"preset": "ultrafast"})  # six times as fast as by itself
    return out.getvalue()


def animation(decoder: str, frames: Sequence[Image.Image] = (), **options) -> bytes:
    """A moving file's bytes; four frames of the scene unless given."""
    first, *rest = frames or [scene(120, 80, shift) for shift in range(4)]
    given = {"duration": [50, 60, 70, 80][: len(rest) + 1], "loop": 0, **options}
    return saved(decoder, first, save_all=True, append_images=rest, **given)


def likeness(first: Image.Image, second: Image.Image) -> float:
    """1 for the same picture, 0 for nothing in common: local contrast and means, the worst channel of all.

    A small structural similarity of our own, apart from the one that the product chooses qualities by.
    """
    assert first.size == second.size, (first.size, second.size)
    mode = "RGBA" if "A" in first.mode + second.mode else "RGB"
    pairs = zip(first.convert(mode).split(), second.convert(mode).split(), strict=True)
    return min(_channel(one, other) for one, other in pairs)


def _channel(one: Image.Image, other: Image.Image) -> float:
    soft = ImageFilter.BoxBlur(3)
    means = _difference(one.filter(soft), other.filter(soft))
    details = _difference(_detail(one, soft), _detail(other, soft))
    return max(0.0, 1 - 4 * means) * max(0.0, 1 - 4 * details)


def _detail(image: Image.Image, soft: ImageFilter.BoxBlur) -> Image.Image:
    return ImageChops.subtract(image, image.filter(soft), offset=128)


def _difference(one: Image.Image, other: Image.Image) -> float:
    return ImageStat.Stat(ImageChops.difference(one, other)).rms[0] / 255
