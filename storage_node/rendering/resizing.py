"""The `c_` step: from what a Resize says to the window, the size and the canvas, and the pixels through them.

The sizes are `fitting`'s. Gravities that look at the picture are decided once per job and kept in its course.
Called by `steps`.
"""

from __future__ import annotations

from PIL import Image

from atoll.transformation.steps import Resize
from storage_node.rendering import geometry, gravity_auto
from storage_node.rendering.fitting import fitting_of, length_of, subject_of
from storage_node.rendering.geometry import Box, Fitting, Point, Size
from storage_node.rendering.picture import Course, Picture
from storage_node.rendering.resample import resampled

_CUTS = frozenset({"fill", "lfill", "crop", "thumb"})


def resize(picture: Picture, step: Resize, place: str, course: Course, base: Size | None = None) -> None:
    """Do the step. `place` names it within the job. Raises RenderRefused."""
    fitting = fitting_of(step, picture.size, picture.faces, base)
    course.check_size(fitting.size)
    course.check_size(fitting.canvas)
    corner = _corner(picture, step, fitting, place, course) if step.mode in _CUTS else (0.0, 0.0)
    window = geometry.box_at(corner, fitting.window)
    picture.image, picture.size = _through_window(picture, window, fitting), fitting.size
    picture.extent = None
    across, down = fitting.size[0] / fitting.window[0], fitting.size[1] / fitting.window[1]
    picture.move_faces(lambda face: _through(face, corner, (across, down)))
    if fitting.canvas != fitting.size:
        _pad(picture, step, fitting)


def _corner(picture: Picture, step: Resize, fitting: Fitting, place: str, course: Course) -> Point:
    """Where the window's top left corner lies in the picture; whole pixels when none is scaled."""
    left, top = geometry.held_inside(
        _wished(picture, step, fitting.window, place, course), picture.size, fitting.window
    )
    return (round(left), round(top)) if fitting.window == fitting.size else (left, top)


def _wished(picture: Picture, step: Resize, window: Point, place: str, course: Course) -> Point:
    offset = _offset(step, picture.size)
    if step.gravity == "xy_center":
        return geometry.around(offset, window)
    if anchor := geometry.ANCHORS.get(step.gravity):
        return geometry.anchored(picture.size, window, anchor, offset)
    if subject := subject_of(step, picture.faces):
        middle = (subject[0] + subject[2]) / 2, (subject[1] + subject[3]) / 2
        return geometry.around((middle[0] + offset[0], middle[1] + offset[1]), window)
    if place not in course.corners:
        course.focus_missing |= step.gravity in {"face", "faces"}
        course.corners[place] = _attractive(picture, step, window)
    left, top = course.corners[place]
    return left + offset[0], top + offset[1]


def _attractive(picture: Picture, step: Resize, window: Point) -> Point:
    across = picture.image.width / picture.size[0]
    down = picture.image.height / picture.size[1]
    measure = "entropy" if step.gravity == "auto:entropy" else "attention"
    left, top = gravity_auto.best_corner(picture.image, (window[0] * across, window[1] * down), measure)
    return left / across, top / down


def _offset(step: Resize, size: Size) -> Point:
    density = step.dpr if isinstance(step.dpr, float | int) else 1.0
    return length_of(step.x, size[0], density) or 0.0, length_of(step.y, size[1], density) or 0.0


def _through_window(picture: Picture, window: Box, fitting: Fitting) -> Image.Image:
    """The window's pixels at the fitting's size; a mere cut out of a reduced copy stays as reduced."""
    image = picture.image
    box = geometry.in_scale(window, picture.size, picture.extent or (0.0, 0.0, *image.size))
    size = fitting.size
    if fitting.window == size and image.size != picture.size:
        size = max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))
    left, top, right, bottom = (round(edge) for edge in box)
    if (left, top, right, bottom) == box and (right - left, bottom - top) == size:
        return image if size == image.size else image.crop((left, top, right, bottom))
    return resampled(image, size, box)


def _pad(picture: Picture, step: Resize, fitting: Fitting) -> None:
    """Lay the picture on its transparent canvas; what an offset pushes over the edge is cut off."""
    anchor = geometry.ANCHORS.get(step.gravity, (0.5, 0.5))
    left, top = geometry.anchored(fitting.canvas, fitting.size, anchor, _offset(step, fitting.canvas))
    at = round(left), round(top)
    canvas = Image.new("RGBA", fitting.canvas)
    canvas.paste(picture.rgba(), at)
    picture.become(canvas)
    picture.move_faces(lambda face: _through(face, (-at[0], -at[1]), (1.0, 1.0)))


def _through(box: Box, corner: Point, scale: Point) -> Box:
    return (
        (box[0] - corner[0]) * scale[0],
        (box[1] - corner[1]) * scale[1],
        (box[2] - corner[0]) * scale[0],
        (box[3] - corner[1]) * scale[1],
    )
