"""The `l_` step: a layer made ready, then laid on the picture. Called by `steps`.

A layer is made once per job, also for an animation. Its file comes from the request; nothing here knows what
a public_id is. The steps of a layer are done by the caller's `perform`, which knows all kinds of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from atoll.transformation.steps import ImageLayer, LayerStep, Offset, Overlay, Share, TextLayer
from storage_node.render_protocol import PictureFile
from storage_node.rendering import colour, geometry
from storage_node.rendering.geometry import Point, Size
from storage_node.rendering.open_source import open_source
from storage_node.rendering.picture import Course, Picture, RenderRefused
from storage_node.rendering.planning import decode_scale, sets_size
from storage_node.rendering.shape import faded
from storage_node.rendering.text import text_picture

Perform = Callable[[Picture, LayerStep, str, Course, Size], None]


def overlay(
    picture: Picture,
    step: Overlay,
    place: str,
    course: Course,
    files: Mapping[str, PictureFile],
    perform: Perform,
) -> None:
    """Do the step. Raises RenderRefused, and what opening and decoding a layer raises."""
    base = picture.srgb()
    picture.become(base)
    if place not in course.layers:
        course.layers[place] = _layer(step, place, base.size, course, files, perform)
    layer = course.layers[place]
    corner = _corner(step, base.size, layer.size)
    if step.tiled:
        layer, corner = _tiled(layer, corner, base.size), (0, 0)
    picture.image = laid_on(base, layer, corner)


def _layer(
    step: Overlay, place: str, base: Size, course: Course, files: Mapping[str, PictureFile], perform: Perform
) -> Image.Image:
    source = step.source
    if isinstance(source, TextLayer):
        layer = Picture(text_picture(source, course), (0, 0))
        layer.become(layer.image)
    else:
        layer = _decoded(source, step.steps, base, course, files)
    for number, own in enumerate(step.steps):
        perform(layer, own, f"{place}.{number}", course, base)
    layer.settle()
    course.check_size(layer.size)
    return faded(layer.rgba(), step.opacity)


def _decoded(
    source: ImageLayer,
    steps: tuple[LayerStep, ...],
    base: Size,
    course: Course,
    files: Mapping[str, PictureFile],
) -> Picture:
    file = files.get(source.public_id)
    if file is None:
        raise RenderRefused("layer_missing")
    most = course.limits.max_side
    with open_source(Path(file.path), file.decoder, course.limits.source) as opened:
        if max(opened.size) > most and not sets_size(steps):
            raise RenderRefused("layer_too_large", max_side=most, width=opened.size[0], height=opened.size[1])
        scale = decode_scale(opened.size, steps, None, most, base)
        pixels, extent = opened.decoded(scale, None)
        image = colour.plain(pixels).copy()
        return Picture(image, opened.size, colour.profile_of(pixels), extent=extent)


def _corner(step: Overlay, base: Size, layer: Size) -> tuple[int, int]:
    offset: Point = _pixels(step.x, base[0]), _pixels(step.y, base[1])
    left, top = geometry.anchored(base, layer, geometry.ANCHORS[step.gravity], offset)
    return round(left), round(top)


def _pixels(offset: Offset, side: int) -> float:
    return offset.of * side if isinstance(offset, Share) else float(offset)


def _tiled(layer: Image.Image, corner: tuple[int, int], base: Size) -> Image.Image:
    """The layer over and over, one of them at `corner`; every turn doubles what there is already."""
    sheet = Image.new("RGBA", base)
    width, height = layer.size
    for left in (corner[0] % width - width, corner[0] % width):
        for top in (corner[1] % height - height, corner[1] % height):
            sheet.paste(layer, (left, top))
    while width < base[0]:
        sheet.paste(sheet.crop((0, 0, width, min(height, base[1]))), (width, 0))
        width *= 2
    while height < base[1]:
        sheet.paste(sheet.crop((0, 0, base[0], height)), (0, height))
        height *= 2
    return sheet


def laid_on(base: Image.Image, layer: Image.Image, corner: tuple[int, int]) -> Image.Image:
    """The base with the RGBA layer's top left at `corner`, cut off at the base's edges."""
    left, top = max(0, corner[0]), max(0, corner[1])
    right, bottom = min(base.width, corner[0] + layer.width), min(base.height, corner[1] + layer.height)
    if left >= right or top >= bottom:
        return base
    part = layer.crop((left - corner[0], top - corner[1], right - corner[0], bottom - corner[1]))
    result = base.copy() if base.mode in {"RGB", "RGBA"} else base.convert("RGB")
    if result.mode == "RGBA":
        result.alpha_composite(part, (left, top))
    else:
        result.paste(part, (left, top), part.getchannel("A"))
    return result
