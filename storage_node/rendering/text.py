"""A text overlay's pixels: plain characters in Pillow's own font, on nothing. Called by `overlays`.

No markup, no fonts by path or from the system: a text looks the same on every node, and nothing in it is
interpreted. Characters that the font lacks show as its box for them. Right-to-left text is ordered and joined
by the layout engine, where the font has the letters.
"""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from atoll.transformation.steps import TextLayer
from storage_node.rendering.picture import Course, RenderRefused

_BOLD = 24  # a bold stroke is the size divided by this on either side
_SLANT = 0.2  # of an italic: this much to the right for each pixel upwards
_LINE_GAP = 0.2  # of the size, between lines

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def text_picture(layer: TextLayer, course: Course) -> Image.Image:
    """RGBA, as large as the letters. Raises RenderRefused."""
    course.check_size((layer.size, layer.size))
    try:
        mask = _mask(layer, ImageFont.load_default(layer.size), course)
    except (ValueError, OSError, UnicodeError):  # FreeType cannot do it: no letter of this font that large
        raise RenderRefused("layer_too_large", size=layer.size) from None
    if layer.italic:
        mask = _slanted(mask)
    color = layer.color
    sheet = Image.new("RGBA", mask.size, (color.red, color.green, color.blue, 0))
    sheet.putalpha(mask if color.alpha == 255 else mask.point(lambda level: level * color.alpha / 255))
    return sheet


def _mask(layer: TextLayer, font: _Font, course: Course) -> Image.Image:
    stroke = max(1, round(layer.size / _BOLD)) if layer.bold else 0
    gap = layer.size * _LINE_GAP
    pen = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = pen.multiline_textbbox(
        (0, 0), layer.text, font, spacing=gap, align=layer.align, stroke_width=stroke
    )
    width, height = max(1, round(right - left + 0.5)), max(1, round(bottom - top + 0.5))
    course.check_size((width, height))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).multiline_text(
        (-left, -top), layer.text, 255, font, spacing=gap, align=layer.align, stroke_width=stroke
    )
    return mask


def _slanted(mask: Image.Image) -> Image.Image:
    shift = round(mask.height * _SLANT)
    return mask.transform(
        (mask.width + shift, mask.height),
        Image.Transform.AFFINE,
        (1, _SLANT, -shift, 0, 1, 0),
        Image.Resampling.BICUBIC,
    )
