"""Open one picture and really decode it, within limits: the job that an inspection worker does.

Refuses with `PictureRefused` what breaks a limit; whatever else decoders and parsers raise passes through to
`inspection_worker`, its only caller, which knows what each means. Limits are checked on what headers claim
before a decoder allocates for it, and again on every frame.

JPEG is decoded at an eighth of its size and in grey: that reads every entropy-coded byte, so it finds a
truncation as surely as a full decode, in less than half of the time. Other formats have no such short cut.
"""

from __future__ import annotations

import mmap
from typing import BinaryIO

from PIL import Image, ImageFile

from storage_node import container_outline
from storage_node.container_outline import Truncated
from storage_node.inspection_protocol import Inspection, InspectionLimits, Refusal

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})  # the others' frames are pages, each of its own size
_COUNTED_BY_HEADER = frozenset({"PNG", "WEBP", "AVIF", "HEIF"})  # `n_frames` costs a walk for the others
_UPRIGHT = frozenset({"HEIF", "TIFF"})  # their plugins turn these themselves while loading
_ORIENTATION = 0x0112  # the EXIF tag
_SWAPS_SIDES = 5  # from this orientation on, width and height change places


class PictureRefused(Exception):
    """The picture breaks a limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def check(file: BinaryIO, decoder: str, limits: InspectionLimits) -> Inspection:
    """Decode `file` with the Pillow plugin `decoder` and no other."""
    frames = None if decoder == "JPEG" else _check_outline(file, decoder, limits)
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    # The open file and not its path: given a path, Pillow maps raw pixels instead of reading them.
    with Image.open(file, formats=[decoder]) as image:
        _check_canvas(image.size, limits)
        if decoder == "JPEG":
            return _check_jpeg(image)
        if decoder in _COUNTED_BY_HEADER:
            frames = getattr(image, "n_frames", 1)
        return _check_frames(image, decoder, frames, limits)


def _check_outline(file: BinaryIO, decoder: str, limits: InspectionLimits) -> int | None:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if canvas := container_outline.canvas(decoder, data):
            _check_canvas(canvas, limits)
        return container_outline.frames(decoder, data)


def _check_jpeg(image: ImageFile.ImageFile) -> Inspection:
    """The first picture only: what follows it (previews, gain maps, depth) is not shown as a picture."""
    size, mode, orientation = image.size, image.mode, _orientation(image)
    image.draft("L", (1, 1))  # colours other than JPEG's usual ones are left as they are
    image.load()
    return _inspection(size, 1, animated=False, mode=mode, orientation=orientation)


def _check_frames(
    image: ImageFile.ImageFile, decoder: str, frames: int | None, limits: InspectionLimits
) -> Inspection:
    animated = decoder in _ANIMATED
    if frames is not None:
        _check_count(frames, frames * image.width * image.height if animated else 0, limits)
    first = image.tell()  # a HEIC collection opens at its primary picture, which need not be frame 0
    image.load()
    size, mode = image.size, image.mode
    orientation = 1 if decoder in _UPRIGHT else _orientation(image)
    count = _decode_others(image, first, frames, limits)
    return _inspection(size, count, animated=animated and count > 1, mode=mode, orientation=orientation)


def _decode_others(
    image: ImageFile.ImageFile, first: int, frames: int | None, limits: InspectionLimits
) -> int:
    """Decode every frame but `first`, which is loaded; returns how many frames there are in all."""
    pixels = image.width * image.height
    index = 0
    while index != frames:
        if index != first:
            if not _seek(image, index):
                break
            _check_canvas(image.size, limits)
            pixels += image.width * image.height
            _check_count(index + 1, pixels, limits)
            image.load()
        index += 1
    if frames is not None and index < frames:
        raise Truncated
    return index


def _seek(image: ImageFile.ImageFile, index: int) -> bool:
    try:
        image.seek(index)
    except EOFError:
        return False
    return True


def _check_canvas(size: tuple[int, int], limits: InspectionLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        facts = {"max_pixels": limits.max_pixels, "pixels": width * height, "width": width, "height": height}
        raise PictureRefused(Refusal("too_many_pixels", facts))


def _check_count(frames: int, pixels: int, limits: InspectionLimits) -> None:
    """How many frames, and their pixels together; one frame alone is the canvas's matter."""
    if frames > limits.max_frames:
        facts = {"max_frames": limits.max_frames, "frames": frames}
        raise PictureRefused(Refusal("too_many_frames", facts))
    if frames > 1 and pixels > limits.max_frame_pixels_sum:
        facts = {
            "max_frame_pixels_sum": limits.max_frame_pixels_sum,
            "frame_pixels_sum": pixels,
            "frames": frames,
        }
        raise PictureRefused(Refusal("too_many_pixels", facts))


def _orientation(image: ImageFile.ImageFile) -> int:
    """EXIF's, 1 to 8. Metadata that cannot be read turns nothing, as in every viewer."""
    if not image.info.keys() & {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}:
        return 1
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - hostile metadata makes its parser raise anything at all
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _inspection(
    size: tuple[int, int], frames: int, *, animated: bool, mode: str, orientation: int
) -> Inspection:
    width, height = size if orientation < _SWAPS_SIDES else (size[1], size[0])
    return Inspection(width, height, frames, animated, mode, orientation)
