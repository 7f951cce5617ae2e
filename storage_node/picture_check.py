"""Open one picture and really decode it, within limits: the job that an inspection worker does.

Refuses what breaks a limit (`picture_limits`); whatever else decoders and parsers raise passes through to
`inspection_worker`, its only caller, which knows what each means. Limits are checked on headers, and again on
every frame.

JPEG is decoded at an eighth of its size: that reads every entropy-coded byte, so it finds a truncation as
surely as a full decode, in less than half of the time. Other formats have no such short cut.

What was decoded is looked at once, before the next frame is drawn over it (`looks`).
"""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, ImageFile

from storage_node.container_outline import Truncated
from storage_node.inspection_protocol import Inspection, InspectionLimits
from storage_node.looks.look import look
from storage_node.looks.small import SIDE
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
    frames = check_outline(file, decoder, limits)
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
    image.draft(None, (SIDE, SIDE))  # colours other than JPEG's usual ones are left as they are
    image.load()
    shown = _shown(size, turn)
    return Inspection(*shown, 1, False, mode, turn, *look(image, turn, shown))


def _check_frames(
    image: ImageFile.ImageFile, decoder: str, frames: int | None, limits: InspectionLimits
) -> Inspection:
    animated = decoder in ANIMATED
    if frames is not None:
        check_count(frames, frames * image.width * image.height if animated else 0, limits)
    first = image.tell()  # a HEIC collection opens at its primary picture, which need not be frame 0
    image.load()
    mode, turn = image.mode, orientation(image, decoder)
    shown = _shown(image.size, turn)
    looks = look(image, turn, shown)
    count = _decode_others(image, first, frames, limits)
    return Inspection(*shown, count, animated and count > 1, mode, turn, *looks)


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


def _shown(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """The size as displayed."""
    return size if turn < SWAPS_SIDES else (size[1], size[0])
