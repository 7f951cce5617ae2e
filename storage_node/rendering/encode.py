"""Pixels to a file: one still picture in each format we write. Called by `job`.

Nothing of the source's metadata goes along: what a file may carry is passed in (`Carried`). What a format
cannot hold is settled here: transparency lies on white in JPEG and is none or full in GIF, greys become
colours where there is no grey.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image, ImageCms, ImageFile

from atoll.transformation.colors import Color
from atoll.transformation.steps import Delivery, Format
from storage_node.rendering.quality import quality_of
from storage_node.rendering.shape import on_colour

ENCODERS: dict[Format, str] = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF"}
_ALWAYS_COLOUR = frozenset({"webp", "avif"})
_WHITE = Color(255, 255, 255)
_FULL_COLOUR_FROM = 90  # from this JPEG quality on, colours are kept at the full resolution
_MOST_JPEG_BYTES = 4  # a pixel; noise of nothing but black and white takes 3.3 at a quality of 100
# 0 (small) to 10 (fast). 8 takes five times as long for files that are 8 % smaller, and 10 is no faster.
AVIF_SPEED = 9
_WEBP_METHOD = 4  # 0 fast to 6 small; 4 is libwebp's own
PNG_LEVEL = 4  # zlib's own, 6, takes 1.7 times as long for photographs that are 1 % smaller
_SAMPLE = (64, 64)  # pixels that are looked at before a PNG is written
_MANY_COLOURS = _SAMPLE[0] * _SAMPLE[1] // 2  # photographs have more among these, drawings a fifth at most
_COLOURS = 256  # of a palette
_OPAQUE_FROM = 128  # of 255


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes into the file beside pixels: an ICC profile, an EXIF block; None: not at all."""

    profile: bytes | None = None
    exif: bytes | None = None

    def options(self) -> dict[str, bytes]:
        """As Pillow's writers take them."""
        given = {"icc_profile": self.profile, "exif": self.exif}
        return {name: value for name, value in given.items() if value is not None}


def holds_profile(written: Format | None, mode: str) -> bool:
    """Whether a picture in `mode` keeps its profile in this format: GIF has none, WebP and AVIF no greys.

    None is jpg or png.
    """
    return written != "gif" and (mode != "L" or written not in _ALWAYS_COLOUR)


def carried(delivery: Delivery, *, had: bool, kept: bytes | None, exif: bytes | None) -> Carried:
    """By the delivery's flags: the profile that was `kept`; sRGB's, which is small, if the source `had` one.

    A source without a profile counts as sRGB everywhere, and so does what is made of it.
    """
    profile = kept or (_srgb_profile() if had and delivery.profile == "srgb" else None)
    return Carried(profile, exif if delivery.keep_iptc else None)


def encode(image: Image.Image, file: BinaryIO, written: Format, delivery: Delivery, along: Carried) -> None:
    """Write `image` (L, RGB or RGBA, without `info`) to `file`."""
    image = _fitting(image, written)

    def attempt(sample: Image.Image, quality: int, target: io.BytesIO) -> None:
        _save(sample, target, written, _options(sample, written, delivery, quality))

    quality = quality_of(delivery.quality, image, written, attempt)
    if written == "gif" and image.mode == "RGBA":
        image = hard_edged(image)  # Pillow's writer finds the transparent colour of RGBA, not of a palette
    elif written == "gif" or (written == "png" and delivery.lossy):
        image = _palette(image)
    _save(image, file, written, {**_options(image, written, delivery, quality), **along.options()})


def _save(image: Image.Image, file: BinaryIO, written: Format, options: dict[str, Any]) -> None:
    """A JPEG whose tables are optimised is written in one piece, for which Pillow reserves as much as most
    pictures take: too little for noise from a quality of 90 on. What is reserved in vain costs nothing."""
    usual = ImageFile.MAXBLOCK
    if written == "jpg":
        along = sum(len(part) for part in options.values() if isinstance(part, bytes))
        ImageFile.MAXBLOCK = usual + along + image.width * image.height * _MOST_JPEG_BYTES
    try:
        image.save(file, ENCODERS[written], **options)
    finally:
        ImageFile.MAXBLOCK = usual


def _fitting(image: Image.Image, written: Format) -> Image.Image:
    """In a mode the format holds, and with no alpha channel that says nothing."""
    if image.mode == "RGBA":
        if image.getchannel("A").getextrema() == (255, 255):
            image = image.convert("RGB")
        elif written == "jpg":
            image = on_colour(image, _WHITE)
    return image.convert("RGB") if image.mode == "L" and written in _ALWAYS_COLOUR else image


def _options(image: Image.Image, written: Format, delivery: Delivery, quality: int) -> dict[str, Any]:
    match written:
        case "jpg":
            return {
                "quality": quality,
                "optimize": True,
                "progressive": delivery.progressive,
                "subsampling": "4:4:4" if quality >= _FULL_COLOUR_FROM else "4:2:0",
            }
        case "webp":
            return {"quality": quality, "method": _WEBP_METHOD}
        case "avif":
            return {"quality": quality, "speed": AVIF_SPEED, "max_threads": 1}
        case "png":
            return {"compress_level": PNG_LEVEL, "compress_type": _png_search(image)}
        case "gif":
            return {}


def _png_search(image: Image.Image) -> int:
    """How far back zlib looks for what comes again. In a photograph, whose pixels hardly ever have the same
    colour twice, nothing does: looking takes half of the time, for files that are 1 % smaller. In drawings,
    screenshots and patterns it makes all the difference."""
    sample = image.resize(_SAMPLE, Image.Resampling.NEAREST)
    return zlib.Z_RLE if sample.getcolors(_MANY_COLOURS) is None else zlib.Z_FILTERED


def hard_edged(image: Image.Image) -> Image.Image:
    """RGBA in which every pixel is opaque or clear, as GIF has it. All clear ones have one colour: a writer
    takes one entry of the palette for clear, and others would be seen."""
    mask = image.getchannel("A").point(lambda level: 255 if level >= _OPAQUE_FROM else 0)
    hard = Image.new("RGBA", image.size)
    hard.paste(image, mask=mask)
    hard.putalpha(mask)
    return hard


def _palette(image: Image.Image) -> Image.Image:
    """256 colours; with transparency by the one method of Pillow's that keeps it.

    Not dithered: slopes without detail would gain, at several times the size; photographs would look no
    better and take a tenth more.
    """
    if image.mode == "RGBA":
        return image.quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    return image if image.mode == "L" else image.quantize(_COLOURS, Image.Quantize.MEDIANCUT)


def _srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
