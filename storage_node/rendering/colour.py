"""Every way a file can keep colours, brought to the three ways we work in: L, RGB and RGBA, as sRGB.

`plain` makes 8 bits a channel of palettes, bitmaps, 16 bits and floats; it leaves CMYK and Lab, which need
their profile. `to_srgb` does the rest: the embedded ICC profile is applied, not trusted (one that cannot be
read, or is for other colours than the picture has, counts as none). Resizing may happen between the two, on
the picture's own numbers, so that a profile is applied to few pixels instead of many.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import cast

from PIL import Image, ImageChops, ImageCms, ImageMath

from storage_node.rendering.geometry import Size

_MAX_PROFILE_BYTES = 4 << 20  # the largest real ones, for print, have some 2 MB
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
_SIXTEEN_BITS = 65_535
_PROBES = [(128, 128, 128), (40, 40, 40), (200, 60, 60), (60, 200, 60), (60, 60, 200)]
_PROBES_DIFFER = 4  # the curves and whites of real sRGB profiles differ by as much
_STRIP_PIXELS = 1 << 20  # converted at once


def profile_of(image: Image.Image) -> bytes | None:
    """The embedded ICC profile's bytes."""
    found = image.info.get("icc_profile")
    return found if isinstance(found, bytes) and 0 < len(found) <= _MAX_PROFILE_BYTES else None


def plain(image: Image.Image) -> Image.Image:
    """8 bits a channel: L, RGB, RGBA, CMYK or LAB. A colour that is transparent becomes an alpha channel."""
    mode = image.mode
    if mode in {"L", "RGB"} and "transparency" not in image.info:
        return image
    if mode in {"RGBA", "CMYK", "LAB"}:
        return image
    if mode.startswith(("I", "F")):
        return _eight_bits(image)
    if mode == "1":
        return image.convert("L")
    opaque = mode in {"YCbCr", "HSV", "RGBX"} or (mode == "P" and "transparency" not in image.info)
    return image.convert("RGB" if opaque else "RGBA")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 bits are divided, never clipped as Pillow's own conversion does; wider numbers by what they hold.

    Strip by strip: at once, the floating-point numbers in between take twenty times the memory of the result.
    """
    factor = _factor(image.mode, *_extrema(image))
    narrow = Image.new("L", image.size)
    for box in _strips(image.size):
        narrow.paste(_narrowed(image.crop(box).convert("F"), factor), box[:2])
    return narrow


def _factor(mode: str, low: float, high: float) -> float:
    if mode == "F" and low >= 0 and high <= 1:
        return 255.0
    return 255.0 / max(_SIXTEEN_BITS if mode != "F" else 255.0, high)


def _extrema(image: Image.Image) -> tuple[float, float]:
    found = [image.crop(box).convert("F").getextrema() for box in _strips(image.size)]
    return min(cast(float, low) for low, _ in found), max(cast(float, high) for _, high in found)


def _strips(size: Size) -> Iterator[tuple[int, int, int, int]]:
    width, height = size
    rows = max(1, _STRIP_PIXELS // width)
    return ((0, top, width, min(top + rows, height)) for top in range(0, height, rows))


def _narrowed(wide: Image.Image, factor: float) -> Image.Image:
    narrow = ImageMath.lambda_eval(
        lambda args: args["convert"](args["value"] * factor + 0.5, "L"), value=wide
    )
    assert isinstance(narrow, Image.Image)
    return narrow


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A `plain` picture as L, RGB or RGBA in sRGB."""
    converted = _by_profile(image, profile) if profile else None
    if converted is None:
        if image.mode in {"L", "RGB", "RGBA"}:
            return image
        return _lab(image) if image.mode == "LAB" else image.convert("RGB")
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def fits(profile: bytes, mode: str) -> bool:
    """Whether pixels in `mode` can stay in this profile's colours in a file of ours."""
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    return mode in {"L", "RGB", "RGBA"} and space == _SPACES[mode.removesuffix("A")]


def _by_profile(image: Image.Image, data: bytes) -> Image.Image | None:
    """None: the profile changes nothing, or cannot be used."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        base = _opaque_in(image, profile.profile.xcolor_space.strip())
        if base is None or _is_srgb(profile):
            return None
        return ImageCms.profileToProfile(
            base,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a malformed profile
        return None


def _opaque_in(image: Image.Image, space: str) -> Image.Image | None:
    """The picture without alpha, in a mode for a profile of `space`; None: the profile is for other colours.

    Greys with alpha are RGBA by now, and their profile still is one for greys.
    """
    if image.mode != "RGBA":
        return image if space == _SPACES[image.mode] else None
    if space == "RGB":
        return image.convert("RGB")
    red, green, blue, _ = image.split()
    return red if space == "GRAY" and red.tobytes() == green.tobytes() == blue.tobytes() else None


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Most pictures have it, and converting them costs more than it changes.

    A name alone proves nothing, as there are linear profiles called sRGB something: a few colours do.
    """
    if not (profile.profile.profile_description or "").startswith("sRGB"):
        return False
    probe = Image.new("RGB", (len(_PROBES), 1))
    probe.putdata(_PROBES)
    target, flags = ImageCms.createProfile("sRGB"), ImageCms.Flags.NOOPTIMIZE  # tables for 5 pixels take 3 ms
    shown = ImageCms.profileToProfile(probe, profile, target, outputMode="RGB", flags=flags)
    assert shown is not None
    furthest = [cast(tuple[int, int], pair)[1] for pair in ImageChops.difference(probe, shown).getextrema()]
    return max(furthest) <= _PROBES_DIFFER


def _lab(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted
