"""One rendering from its request to its file: open, decode as small as will do, do the steps, encode.

What the source's header says is checked before anything is decoded, and every size before it is made. All
frames of an animation go through the same steps one after the other; what the first decided holds for the
others. Raises `RenderRefused`, `NoSuchFrame`, `SourceUnreadable`, `PictureRefused`, and whatever a decoder
raises; `render_worker`, its only caller, knows what each means.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile

from atoll.model import Face
from atoll.transformation.steps import Effect, Format
from storage_node.render_protocol import RenderRequest
from storage_node.rendering import colour, geometry
from storage_node.rendering.animation import MOVING, Timing, encode_frames
from storage_node.rendering.copyright import copyright_of
from storage_node.rendering.effects import HIDE_FACES
from storage_node.rendering.encode import Carried, carried, encode, holds_profile
from storage_node.rendering.fitting import boxes_of
from storage_node.rendering.geometry import Ask, Size
from storage_node.rendering.open_source import Decoded, Source, open_source
from storage_node.rendering.picture import Course, Picture, RenderRefused
from storage_node.rendering.planning import decode_scale, sets_size
from storage_node.rendering.steps import perform

_OWN_FORMATS: dict[str, Format] = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}


class NotWritten(Exception):
    """The result could not be put on the disk: not the picture's fault."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was written."""

    format: Format
    size: Size
    frames: int
    focus_missing: bool


def render(request: RenderRequest) -> Result:
    """Do one request."""
    limits = request.limits
    with open_source(Path(request.source.path), request.source.decoder, limits.source) as source:
        course = Course(limits, request.fonts)
        written = _written(request, source)
        if source.frames > 1 and request.transformation.page is None and written in MOVING:
            return _moving(request, source, course, written)
        return _still(request, source, course, written)


def _written(request: RenderRequest, source: Source) -> Format | None:
    """The format of the result; None: jpg, or png where there is transparency."""
    if request.format == "plain":
        return None
    return request.format or _OWN_FORMATS.get(source.decoder)


def _still(request: RenderRequest, source: Source, course: Course, written: Format | None) -> Result:
    page = request.transformation.page
    drawn = _drawn(request, source, course, None if page is None else page - 1, written)
    form: Format = written or ("png" if drawn.image.mode == "RGBA" else "jpg")
    with _output(request) as file:
        encode(drawn.image, file, form, request.transformation.delivery, drawn.along)
    return Result(form, drawn.image.size, 1, course.focus_missing)


def _moving(request: RenderRequest, source: Source, course: Course, written: Format) -> Result:
    if any(isinstance(step, Effect) and step.name in HIDE_FACES for step in request.transformation.steps):
        raise RenderRefused("faces_unknown")  # in the later frames, where they may be somewhere else
    frames: list[_Drawn] = []
    for number in range(source.frames):
        frames.append(_drawn(request, source, course, number, written))
        _check_sum(frames[0].image.size, source.frames, course)
    timing = Timing([frame.milliseconds for frame in frames], source.shown_times())
    images = [frame.image for frame in frames]
    with _output(request) as file:
        encode_frames(images, timing, file, written, request.transformation.delivery, frames[0].along)
    return Result(written, images[0].size, len(images), course.focus_missing)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A frame after all steps, without any metadata in it."""

    image: Image.Image
    along: Carried
    milliseconds: int


def _drawn(
    request: RenderRequest, source: Source, course: Course, frame: int | None, written: Format | None
) -> _Drawn:
    steps = request.transformation.steps
    size = _size(request, source)
    scale = decode_scale(size, steps, boxes_of(_faces(request), size), course.limits.max_side)
    decoded = source.decoded(min(1.0, scale * max(size) / max(source.size)), frame)
    milliseconds, profile = source.shown_for(), colour.profile_of(decoded.image)
    picture, kept = _picture(request, source, decoded, profile, written)
    del decoded  # its memory is free once a step has made something smaller of it
    for number, step in enumerate(steps):
        perform(picture, step, str(number), course, request.layers)
    image = _final(picture, course, sized=sets_size(steps))
    if kept and not colour.fits(kept, image.mode):  # a step took its colours away, or gave it some
        kept = None
    along = carried(
        request.transformation.delivery,
        had=profile is not None and image.mode != "L",  # sRGB's is for colours
        kept=kept,
        exif=_rights(request, source),
    )
    return _Drawn(_bare(image), along, milliseconds)


def _picture(
    request: RenderRequest,
    source: Source,
    decoded: Decoded,
    profile: bytes | None,
    written: Format | None,
) -> tuple[Picture, bytes | None]:
    """The picture at its start, and the profile it keeps, if it shall and can."""
    image = colour.plain(decoded.image)
    keeps = request.transformation.delivery.profile == "keep" and holds_profile(written, image.mode)
    kept = profile if profile and keeps and colour.fits(profile, image.mode) else None
    # Only JPEG comes smaller than its header says; a page may have another size than the first.
    smaller = source.decoder == "JPEG" or request.source.stands_for is not None
    size = _size(request, source) if smaller else image.size
    faces = boxes_of(_faces(request), size)
    return Picture(image, size, None if kept else profile, faces, decoded.extent), kept


def _size(request: RenderRequest, source: Source) -> Size:
    """What geometry counts in: that of the picture, of which the file may be a smaller copy."""
    return request.source.stands_for or source.size


def _faces(request: RenderRequest) -> tuple[Face, ...] | None:
    """Where they are known to be: they were looked for in the first frame or page."""
    return request.faces if request.transformation.page in {None, 1} else None


def _rights(request: RenderRequest, source: Source) -> bytes | None:
    return copyright_of(source.image) if request.transformation.delivery.keep_iptc else None


def _final(picture: Picture, course: Course, *, sized: bool) -> Image.Image:
    """Nobody asked for a size: then a source larger than a result may be is made as large as that."""
    most = course.limits.max_side
    if not sized and max(picture.size) > most:
        picture.size = geometry.fit_in(picture.size, Ask("limit", most, most)).size
    course.check_size(picture.size)
    picture.settle()
    return picture.srgb()


def _bare(image: Image.Image) -> Image.Image:
    """Writers would take metadata from `info`; and a decoder draws its next frame into the same object."""
    bare = image.copy() if isinstance(image, ImageFile.ImageFile) else image
    bare.info = {}
    return bare


def _check_sum(size: Size, frames: int, course: Course) -> None:
    most, pixels = course.limits.max_output_frame_pixels_sum, frames * size[0] * size[1]
    if pixels > most:
        raise RenderRefused("result_too_large", max_frame_pixels_sum=most, frame_pixels_sum=pixels)


@contextmanager
def _output(request: RenderRequest) -> Iterator[BinaryIO]:
    """The file to write. An encoder's own failures have no errno and pass through."""
    try:
        with open(request.output, "wb") as file:
            yield file
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise RenderRefused("result_too_large") from error
        if error.errno is not None:
            raise NotWritten from error
        raise
