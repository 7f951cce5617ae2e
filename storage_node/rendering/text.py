"""A text overlay's pixels: plain characters in one family's font, on nothing. Called by `overlays`.

No markup, no fonts by path or from the system: nothing in a text is interpreted. Characters that the font
lacks show as its sign for them. Each line is ordered and joined by the layout engine, in the direction of
its own first letters. Bold and italic are what the family's files have of them.
"""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from atoll.transformation.steps import TextLayer
from storage_node.rendering.font_files import face, opened
from storage_node.rendering.missing_letters import made_visible
from storage_node.rendering.picture import Course, RenderRefused

_LINE_GAP = 0.2  # of the size, between lines


def text_picture(layer: TextLayer, course: Course) -> Image.Image:
    """RGBA, as large as the letters. Raises RenderRefused."""
    course.check_size((layer.size, layer.size))
    font = _font(layer, course)
    try:
        mask = _mask(layer, font, course)
    except (ValueError, OSError, UnicodeError):  # FreeType cannot do it: no letter of this font that large
        raise RenderRefused("layer_too_large", size=layer.size) from None
    color = layer.color
    sheet = Image.new("RGBA", mask.size, (color.red, color.green, color.blue, 0))
    sheet.putalpha(mask if color.alpha == 255 else mask.point(lambda level: level * color.alpha / 255))
    return sheet


def _font(layer: TextLayer, course: Course) -> ImageFont.FreeTypeFont:
    family = course.fonts.get(layer.font)
    if family is None:
        raise RenderRefused("font_missing")
    try:
        return opened(face(family, bold=layer.bold, italic=layer.italic), layer.size)
    except (OSError, ValueError):  # it was a font at the node's start
        raise RenderRefused("font_missing") from None


def _mask(layer: TextLayer, font: ImageFont.FreeTypeFont, course: Course) -> Image.Image:
    gap, words = layer.size * _LINE_GAP, made_visible(layer.text, font)
    pen = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = pen.multiline_textbbox((0, 0), words, font, spacing=gap, align=layer.align)
    width, height = max(1, round(right - left + 0.5)), max(1, round(bottom - top + 0.5))
    course.check_size((width, height))
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).multiline_text((-left, -top), words, 255, font, spacing=gap, align=layer.align)
    return mask
