"""Turning, round corners, borders, backgrounds, opacity: what makes or fills transparency.

Called by `steps`.
"""

from __future__ import annotations

from math import ceil

from PIL import Image, ImageChops, ImageDraw, ImageOps

from atoll.transformation.colors import Color
from atoll.transformation.steps import Background, Border, Frame, Opacity, Rotate
from storage_node.rendering.geometry import Size
from storage_node.rendering.picture import Course, Picture
from storage_node.rendering.turned import tilted

_QUARTER_TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow turns against the clock
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_SMOOTH = 4  # edges are drawn so many times larger and averaged
_LARGEST_DRAWING = 4_096  # pixels a side of such a drawing

Radii = tuple[int, int, int, int]


def rotate(picture: Picture, step: Rotate, course: Course) -> None:
    """Mirror, then turn clockwise; the picture grows to hold its corners. Raises RenderRefused."""
    if step.mirror:
        picture.turn(Image.Transpose.FLIP_LEFT_RIGHT)
    if turn := _QUARTER_TURNS.get(round(step.degrees) if step.degrees % 90 == 0 else 1):
        picture.turn(turn)
    elif step.degrees:
        _tilt(picture, step.degrees, course)


def _tilt(picture: Picture, degrees: float, course: Course) -> None:
    before = picture.size
    left, top, right, bottom = tilted((0, 0, *before), before, (0, 0), degrees)
    size = ceil(right - left), ceil(bottom - top)
    course.check_size(size)
    framed = ImageOps.expand(picture.rgba(), 1)  # a clear rim, or its edges would be stairs
    turned = framed.rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    across, down = (turned.width - size[0]) // 2, (turned.height - size[1]) // 2
    picture.become(turned.crop((across, down, across + size[0], down + size[1])))
    picture.move_faces(lambda box: tilted(box, before, size, degrees))


def frame(picture: Picture, step: Frame, course: Course) -> None:
    """Cut the corners round, then draw the border around what is left. Raises RenderRefused."""
    radii = _radii(step.radius, picture.size)
    mask = _rounded(picture.size, radii, ellipse=step.radius == "max")
    if mask is not None:
        image = picture.rgba().copy()
        image.putalpha(ImageChops.multiply(image.getchannel("A"), mask))
        picture.become(image)
    if step.border is not None and step.border.width:
        _surround(picture, step.border, radii, course, ellipse=step.radius == "max")


def _radii(radius: Radii | str, size: Size) -> Radii:
    """No corner is larger than half of the shorter side."""
    if isinstance(radius, str):
        return 0, 0, 0, 0
    most = min(size) // 2
    first, second, third, fourth = (min(most, corner) for corner in radius)
    return first, second, third, fourth


def _rounded(size: Size, radii: Radii, *, ellipse: bool) -> Image.Image | None:
    """What shows, as a mask; None when everything does."""
    if ellipse:
        return _disc(size)
    if not any(radii):
        return None
    mask = Image.new("L", size, 255)
    width, height = size
    for radius, right, low in zip(radii, (0, 1, 1, 0), (0, 0, 1, 1), strict=True):
        if radius:
            disc = _disc((2 * radius, 2 * radius))
            at = radius * right, radius * low
            corner = disc.crop((*at, at[0] + radius, at[1] + radius))
            mask.paste(corner, ((width - radius) * right, (height - radius) * low))
    return mask


def _disc(size: Size) -> Image.Image:
    fine = max(1, min(_SMOOTH, _LARGEST_DRAWING // max(size)))
    drawn = Image.new("L", (size[0] * fine, size[1] * fine))
    ImageDraw.Draw(drawn).ellipse((0, 0, drawn.width - 1, drawn.height - 1), fill=255)
    return drawn if fine == 1 else drawn.resize(size, Image.Resampling.BOX)


def _surround(picture: Picture, border: Border, radii: Radii, course: Course, *, ellipse: bool) -> None:
    wide = border.width
    size = picture.size[0] + 2 * wide, picture.size[1] + 2 * wide
    course.check_size(size)
    outer = tuple(radius + wide if radius else 0 for radius in radii)
    shape = _rounded(size, (outer[0], outer[1], outer[2], outer[3]), ellipse=ellipse)
    # The line lies around the picture, not under it: a transparent picture stays transparent.
    line = shape if shape is not None else Image.new("L", size, 255)
    hole = (wide, wide, size[0] - wide, size[1] - wide)
    line.paste(0, hole, _rounded(picture.size, radii, ellipse=ellipse))
    sheet = Image.new("RGBA", size, _rgba(border.color))
    sheet.putalpha(line.point(lambda level: level * border.color.alpha / 255))
    sheet.alpha_composite(picture.rgba(), (wide, wide))
    picture.become(sheet)
    picture.move_faces(lambda box: (box[0] + wide, box[1] + wide, box[2] + wide, box[3] + wide))


def background(picture: Picture, step: Background) -> None:
    """Lay the picture on a colour; an opaque one leaves no transparency."""
    image = picture.srgb()
    if image.mode == "RGBA":
        picture.image = on_colour(image, step.color)


def on_colour(image: Image.Image, color: Color) -> Image.Image:
    """An RGBA picture on a sheet of this colour."""
    if color.alpha == 255:
        sheet = Image.new("RGB", image.size, (color.red, color.green, color.blue))
        sheet.paste(image, mask=image.getchannel("A"))
        return sheet
    return Image.alpha_composite(Image.new("RGBA", image.size, _rgba(color)), image)


def opacity(picture: Picture, step: Opacity) -> None:
    """Alpha times the percentage."""
    picture.image = faded(picture.rgba(), step.percent)


def faded(image: Image.Image, percent: int) -> Image.Image:
    """An RGBA picture with its alpha times the percentage."""
    if percent >= 100:
        return image
    alpha = image.getchannel("A").point(lambda level: level * percent / 100)
    thin = image.copy()
    thin.putalpha(alpha)
    return thin


def _rgba(color: Color) -> tuple[int, int, int, int]:
    return color.red, color.green, color.blue, color.alpha
