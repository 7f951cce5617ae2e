"""The `e_` step: adjustments of every pixel (`adjust.py`) and the effects that look around a pixel.

Blurs count in pixels: level 100 is a radius of 5. Those for faces refuse when nobody has looked for faces:
a picture whose faces were to be hidden must not come out with faces shown. Called by `steps`.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageFilter

from atoll.transformation.steps import Effect
from storage_node.rendering.adjust import ADJUSTMENTS, auto_contrast
from storage_node.rendering.geometry import Box, Size
from storage_node.rendering.picture import Picture, RenderRefused

_LEVELS_PER_PIXEL = 20
_REACH = 3  # a blur takes note of what is so many times its radius away
_SQUARES_ACROSS = 40  # of a picture that is pixelated without a number
_FACE_SQUARES = 8  # the same for a face: few enough that nobody is known by them
_FACE_BLUR = 6  # a face's blur is at least its width divided by this
_FACE_MARGIN = 0.15  # of the face's box, added on every side: hair and chin tell who it is, too


def effect(picture: Picture, step: Effect) -> None:
    """Do the step. Raises RenderRefused (faces unknown)."""
    if step.name in ADJUSTMENTS:
        picture.image = _adjusted(picture.srgb(), step.name, step.level or 0)
        return
    picture.become(picture.srgb())
    if step.name in _AROUND:
        picture.image = _AROUND[step.name](picture.image, step.level)
    else:
        _hide_faces(picture, _ON_FACES[step.name], step.level)


def _adjusted(image: Image.Image, name: str, level: int) -> Image.Image:
    if name == "auto_contrast" and image.mode == "RGBA":  # the only one that looks at all pixels first
        seen = image.getchannel("A")
        return _without_alpha(image, lambda colours: auto_contrast(colours, level, seen))
    return _without_alpha(image, lambda colours: ADJUSTMENTS[name](colours, level))


def _without_alpha(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    if image.mode != "RGBA":
        return change(image)
    changed = change(image.convert("RGB")).convert("RGB")
    changed.putalpha(image.getchannel("A"))
    return changed


def _blur(image: Image.Image, level: int | None) -> Image.Image:
    return _blurred(image, (level or 0) / _LEVELS_PER_PIXEL)


def _blurred(image: Image.Image, radius: float) -> Image.Image:
    blur = ImageFilter.GaussianBlur(radius)
    if image.mode != "RGBA":
        return image.filter(blur)
    # Premultiplied: the colour of what is transparent must not bleed into what shows.
    return image.convert("RGBa").filter(blur).convert("RGBA")


def _sharpen(image: Image.Image, level: int | None) -> Image.Image:
    return _sharpened(image, ImageFilter.UnsharpMask(radius=1, percent=level or 0, threshold=0))


def _unsharp_mask(image: Image.Image, level: int | None) -> Image.Image:
    return _sharpened(image, ImageFilter.UnsharpMask(radius=2, percent=level or 0, threshold=2))


def _sharpened(image: Image.Image, mask: ImageFilter.UnsharpMask) -> Image.Image:
    """What is wholly clear has a colour too, which nobody sees: it becomes that of its surroundings first, so
    that no edge between it and what shows is sharpened."""
    if image.mode != "RGBA":
        return image.filter(mask)
    alpha = image.getchannel("A")
    colours = _blurred(image, mask.radius * _REACH).convert("RGB")
    colours.paste(image.convert("RGB"), mask=alpha.point(lambda level: 255 if level else 0))
    sharp = colours.filter(mask)
    sharp.putalpha(alpha)
    return sharp


def _pixelate(image: Image.Image, level: int | None) -> Image.Image:
    return _squares(image, level or max(2, max(image.size) // _SQUARES_ACROSS))


def _squares(image: Image.Image, side: int) -> Image.Image:
    if side < 2:
        return image
    means = (image.convert("RGBa") if image.mode == "RGBA" else image).reduce(side)
    means = means.convert("RGBA") if image.mode == "RGBA" else means
    enlarged = means.resize((means.width * side, means.height * side), Image.Resampling.NEAREST)
    return enlarged.crop((0, 0, *image.size))


def _pixelated_face(face: Image.Image, level: int | None) -> Image.Image:
    return _squares(face, max(level or 0, min(max(face.size) // _FACE_SQUARES, min(face.size)), 2))


def _blurred_face(face: Image.Image, level: int | None) -> Image.Image:
    return _blurred(face, max((level or 0) / _LEVELS_PER_PIXEL, face.width / _FACE_BLUR))


_Change = Callable[[Image.Image, int | None], Image.Image]
_AROUND: dict[str, _Change] = {
    "blur": _blur,
    "sharpen": _sharpen,
    "unsharp_mask": _unsharp_mask,
    "pixelate": _pixelate,
}
_ON_FACES: dict[str, _Change] = {"pixelate_faces": _pixelated_face, "blur_faces": _blurred_face}
HIDE_FACES = frozenset(_ON_FACES)


def _hide_faces(picture: Picture, hide: _Change, level: int | None) -> None:
    if picture.faces is None:
        raise RenderRefused("faces_unknown")
    image = picture.image.copy()
    for face in picture.faces:
        box = _with_margin(face, image.size)
        image.paste(hide(image.crop(box), level), box)
    picture.image = image


def _with_margin(box: Box, size: Size) -> tuple[int, int, int, int]:
    across, down = (box[2] - box[0]) * _FACE_MARGIN, (box[3] - box[1]) * _FACE_MARGIN
    left, top = max(0, int(box[0] - across)), max(0, int(box[1] - down))
    right, bottom = min(size[0], round(box[2] + across)), min(size[1], round(box[3] + down))
    return left, top, max(left + 1, right), max(top + 1, bottom)
