"""Effects that change every pixel by itself: tones and colours. Levels are as the grammar's table says.

Each takes a picture in L or RGB and gives one of the same size; alpha is no colour and is kept aside by
`effects`, the only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageOps

Adjustment = Callable[[Image.Image, int], Image.Image]

_LUMA = (0.299, 0.587, 0.114)  # Rec. 601, as Pillow's own conversion to grey
_SEPIA = (
    (0.393, 0.769, 0.189),
    (0.349, 0.686, 0.168),
    (0.272, 0.534, 0.131),
)  # the matrix of the CSS filter
_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_MIDDLE_GREY = 127.5
_CUT_OFF = 0.5  # percent of the darkest and the brightest pixels that a stretch does not look at


def grayscale(image: Image.Image, _: int) -> Image.Image:
    """Shades of grey."""
    return image.convert("L")


def negate(image: Image.Image, _: int) -> Image.Image:
    """Every colour becomes its opposite."""
    return ImageOps.invert(image)


def sepia(image: Image.Image, level: int) -> Image.Image:
    """The brown of old prints, in percent."""
    return _mixed(image, _SEPIA, level / 100)


def saturation(image: Image.Image, level: int) -> Image.Image:
    """-100 leaves grey, 100 doubles the distance from grey."""
    return image if image.mode == "L" else _mixed(image, (_LUMA, _LUMA, _LUMA), -level / 100)


def brightness(image: Image.Image, level: int) -> Image.Image:
    """Light times 1 + level/100."""
    return _by_table(image, lambda value: value * (1 + level / 100))


def contrast(image: Image.Image, level: int) -> Image.Image:
    """Distance from middle grey: none at -100, four times at 100."""
    factor = (1 + level / 100) ** 2
    return _by_table(image, lambda value: _MIDDLE_GREY + (value - _MIDDLE_GREY) * factor)


def gamma(image: Image.Image, level: int) -> Image.Image:
    """Middle tones; black and white stay."""
    return _by_table(image, lambda value: 255 * (value / 255) ** (1 / (1 + level / 100)))


def hue(image: Image.Image, level: int) -> Image.Image:
    """Colours turned round the colour wheel; 100 is half way."""
    if image.mode == "L":
        return image
    turned, strength, value = image.convert("HSV").split()
    turned = turned.point([(old + round(level * 1.28)) % 256 for old in range(256)])
    return Image.merge("HSV", (turned, strength, value)).convert("RGB")


def auto_contrast(image: Image.Image, level: int, seen: Image.Image | None = None) -> Image.Image:
    """Tones stretched over the whole range, the same for all channels so that no colour shifts.

    `seen`: an alpha channel; the tones of what is wholly clear do not count.
    """
    stretched = ImageOps.autocontrast(image, cutoff=_CUT_OFF, mask=seen, preserve_tone=True)
    return Image.blend(image, stretched, level / 100)


def vignette(image: Image.Image, level: int) -> Image.Image:
    """Darker towards the corners; its middle is untouched."""
    away = Image.radial_gradient("L").resize(image.size, Image.Resampling.BICUBIC)
    light = away.point([255 - round(level / 100 * 255 * (far / 255) ** 2) for far in range(256)])
    return ImageChops.multiply(image, light if image.mode == "L" else Image.merge("RGB", (light,) * 3))


ADJUSTMENTS: dict[str, Adjustment] = {
    "grayscale": grayscale,
    "negate": negate,
    "sepia": sepia,
    "saturation": saturation,
    "brightness": brightness,
    "contrast": contrast,
    "gamma": gamma,
    "hue": hue,
    "auto_contrast": auto_contrast,
    "vignette": vignette,
}


def _by_table(image: Image.Image, change: Callable[[int], float]) -> Image.Image:
    table = [min(255, max(0, round(change(value)))) for value in range(256)]
    return image.point(table * len(image.getbands()))


def _mixed(image: Image.Image, matrix: Sequence[Sequence[float]], share: float) -> Image.Image:
    """The picture through the matrix by this share, itself for the rest; below 0 the other way."""
    rows = zip(_IDENTITY, matrix, strict=True)
    mix = [[(1 - share) * own + share * new for own, new in zip(*row, strict=True)] + [0.0] for row in rows]
    (a, b, c, d), (e, f, g, h), (i, j, k, m) = mix
    return image.convert("RGB").convert("RGB", (a, b, c, d, e, f, g, h, i, j, k, m))
