"""Every effect of `e_` with the range of its level, and every filter of `e_art:`. Pure.

Levels and their defaults are Cloudinary's. Read by the parser, the rendering engine and the documentation.
"""

from __future__ import annotations

from msgspec import Struct


class Levels(Struct, frozen=True):
    """The whole numbers an effect's level may be. `neutral` changes nothing, so that the effect is left out.

    `default` None: the level must be said, or (`optional`) is chosen from the picture's size.
    """

    low: int
    high: int
    default: int | None = None
    neutral: int | None = None
    optional: bool = False


class EffectRule(Struct, frozen=True):
    """One effect: what it does, and its levels if it has any."""

    meaning: str
    levels: Levels | None = None


EFFECTS: dict[str, EffectRule] = {
    "grayscale": EffectRule("shades of grey"),
    "sepia": EffectRule("the brown of old prints, in percent", Levels(1, 100, 80)),
    "negate": EffectRule("every colour becomes its opposite"),
    "blur": EffectRule("blurred; 100 is a radius of about 5 pixels", Levels(1, 2000, 100)),
    "sharpen": EffectRule("sharpened", Levels(1, 2000, 100)),
    "unsharp_mask": EffectRule("sharpened where the blurred picture differs", Levels(1, 2000, 100)),
    "brightness": EffectRule("brighter, or darker below 0", Levels(-99, 100, 80, neutral=0)),
    "contrast": EffectRule("more contrast, or less below 0", Levels(-100, 100, neutral=0)),
    "saturation": EffectRule("stronger colours, or paler below 0", Levels(-100, 100, 80, neutral=0)),
    "hue": EffectRule(
        "colours turned round the colour wheel, 100 is half way", Levels(-100, 100, 80, neutral=0)
    ),
    "gamma": EffectRule("middle tones brighter, or darker below 0", Levels(-50, 150, neutral=0)),
    "pixelate": EffectRule(
        "squares of so many pixels; without a number it follows the picture's size",
        Levels(1, 200, optional=True),
    ),
    "pixelate_faces": EffectRule(
        "the same for faces only; without a number it follows each face's size", Levels(1, 200, optional=True)
    ),
    "blur_faces": EffectRule("faces blurred", Levels(1, 2000, 500)),
    "vignette": EffectRule("darker towards the corners, in percent", Levels(0, 100, 20, neutral=0)),
    "auto_contrast": EffectRule(
        "tones stretched over the whole range, blended in by so many percent", Levels(0, 100, 100, neutral=0)
    ),
}
ALIASES = {"greyscale": "grayscale"}

FILTERS = (
    "1977", "aden", "brannan", "brooklyn", "clarendon", "earlybird", "gingham", "hudson", "inkwell", "kelvin",
    "lark", "lofi", "maven", "mayfair", "moon", "nashville", "perpetua", "reyes", "rise", "slumber",
    "stinson", "toaster", "valencia", "walden", "willow", "xpro2",
)  # fmt: skip
