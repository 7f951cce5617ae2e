"""Open one picture and really decode it, within limits: the job that an inspection worker does.

Refuses what breaks a limit (`picture_limits`); whatever else decoders and parsers raise passes through to
`inspection_worker`, its only caller, which knows what each means. Limits are checked on headers, and again on
every frame.

JPEG is decoded at an eighth of its size and in grey: that reads every entropy-coded byte, so it finds a
truncation as surely as a full decode, in less than half of the time. Other formats have no such short cut.
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, ImageFile

from storage_node.container_outline import Truncated
from storage_node.inspection_protocol import Inspection, InspectionLimits
from storage_node.picture_limits import (
    ANIMATED,
    COUNTED_BY_HEADER,
    SWAPS_SIDES,
    check_canvas,
    check_count,
    check_outline,
    orientation,
)


def check(file: BinaryIO, decoder: str, limits: InspectionLimits) -> Inspection:
    """Decode `file` with the Pillow plugin `decoder` and no other."""
    frames = None if decoder == "JPEG" else check_outline(file, decoder, limits)
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    # The open file and not its path: given a path, Pillow maps raw pixels instead of reading them.
    with Image.open(file, formats=[decoder]) as image:
        check_canvas(image.size, limits)
        if decoder == "JPEG":
            return _check_jpeg(image)
        if decoder in COUNTED_BY_HEADER:
            frames = getattr(image, "n_frames", 1)
        return _check_frames(image, decoder, frames, limits)


def _check_jpeg(image: ImageFile.ImageFile) -> Inspection:
    """The first picture only: what follows it (previews, gain maps, depth) is not shown as a picture."""
    size, mode, turn = image.size, image.mode, orientation(image, "JPEG")
    image.draft("L", (1, 1))  # colours other than JPEG's usual ones are left as they are
    image.load()
    return _inspection(size, 1, animated=False, mode=mode, turn=turn)


def _check_frames(
    image: ImageFile.ImageFile, decoder: str, frames: int | None, limits: InspectionLimits
) -> Inspection:
    animated = decoder in ANIMATED
    if frames is not None:
        check_count(frames, frames * image.width * image.height if animated else 0, limits)
    first = image.tell()  # a HEIC collection opens at its primary picture, which need not be frame 0
    image.load()
    size, mode, turn = image.size, image.mode, orientation(image, decoder)
    count = _decode_others(image, first, frames, limits)
    return _inspection(size, count, animated=animated and count > 1, mode=mode, turn=turn)


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
            check_canvas(image.size, limits)
            pixels += image.width * image.height
            check_count(index + 1, pixels, limits)
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


def _inspection(size: tuple[int, int], frames: int, *, animated: bool, mode: str, turn: int) -> Inspection:
    width, height = size if turn < SWAPS_SIDES else (size[1], size[0])
    return Inspection(width, height, frames, animated, mode, turn)
