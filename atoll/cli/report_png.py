"""A drawing as PNG, painted by Pillow at three times its size and made smaller. Blocks.

Without Pillow, which the light client does not need, `png_of` raises `SettingsError`: what to install.
"""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

from atoll.cli.report_drawing import LIGHT, Dot, Drawing, Line, Role, Words
from atoll.settings import SettingsError

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SCALE = 2  # pixels of a unit in the file
FINER = 2  # painted so much finer still, for smooth edges
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png_of(drawing: Drawing) -> bytes:
    """The drawing in the light colours. `SettingsError` without Pillow."""
    try:
        from PIL import Image
    except ImportError as error:
        raise SettingsError(
            ["PNG plots need Pillow: pip install 'atoll[server]'; SVG ones do not"]
        ) from error
    scale = SCALE * FINER
    size = (round(drawing.width * scale), round(drawing.height * scale))
    picture = Image.new("RGB", size, LIGHT["paper"])
    for shape in drawing.shapes:
        picture = _painted(picture, shape, scale)
    smaller = picture.resize((size[0] // FINER, size[1] // FINER), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    smaller.save(out, "PNG", optimize=True)
    return out.getvalue()


def _painted(picture: Image.Image, shape: Line | Dot | Words, scale: int) -> Image.Image:
    from PIL import Image, ImageDraw

    opacity = 1.0 if isinstance(shape, Words) else shape.opacity
    above = picture.copy() if opacity < 1 else picture
    _paint(ImageDraw.Draw(above), shape, scale)
    return Image.blend(picture, above, opacity) if opacity < 1 else picture


def _paint(draw: ImageDraw.ImageDraw, shape: Line | Dot | Words, scale: int) -> None:
    match shape:
        case Line():
            _paint_line(draw, shape, scale)
        case Dot():
            x, y, r = shape.x * scale, shape.y * scale, shape.radius * scale
            draw.ellipse((x - r, y - r, x + r, y + r), fill=LIGHT[shape.fill])
        case Words():
            _paint_words(draw, shape, scale)


def _paint_line(draw: ImageDraw.ImageDraw, line: Line, scale: int) -> None:
    points = [(x * scale, y * scale) for x, y in line.points]
    if line.fill != "none" and len(points) > 2:
        draw.polygon(points, fill=LIGHT[line.fill])
    if line.stroke == "none":
        return
    if line.closed:
        points.append(points[0])
    width = max(1, round(line.width * scale))
    pieces = dashes(points, 5 * scale, 4 * scale) if line.dashed else [points]
    for piece in pieces:
        draw.line(piece, fill=LIGHT[line.stroke], width=width, joint="curve")


def _paint_words(draw: ImageDraw.ImageDraw, words: Words, scale: int) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(words.size * scale)
    color: Role = words.fill
    place = (words.x * scale, words.y * scale)
    weight = scale * 0.25 if words.bold else 0
    draw.text(
        place, words.text, font=font, fill=LIGHT[color], anchor=_ANCHORS[words.anchor], stroke_width=weight
    )


def dashes(points: list[tuple[float, float]], on: float, off: float) -> list[list[tuple[float, float]]]:
    """A line through `points` cut into pieces `on` long, `off` apart."""
    pieces: list[list[tuple[float, float]]] = []
    at = 0.0
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
        begin = -(at % (on + off))
        while length and begin < length:
            a, b = max(0.0, begin) / length, min(length, begin + on) / length
            if b > a:
                pieces.append([(x1 + (x2 - x1) * t, y1 + (y2 - y1) * t) for t in (a, b)])
            begin += on + off
        at += length
    return pieces
