"""Open one picture and really decode it, within limits: the job that an inspection worker does.

Refuses what breaks a limit (`picture_limits`); whatever else decoders and parsers raise passes through to
`inspection_worker`, its only caller, which knows what each means. Limits are checked on headers, and again on
every frame.

JPEG is decoded at an eighth of its size: that reads every entropy-coded byte, so it finds a truncation as
surely as a full decode, in less than half of the time. Other formats have no such short cut.

What was decoded is looked at once, before the next frame is drawn over it (`looks`).
"""

from __future__ import annotations

import math
from typing import BinaryIO

from PIL import Image, ImageFile

from storage_node.container_outline import Truncated
from storage_node.inspection_protocol import Inspection, InspectionLimits
from storage_node.looks import faces
from storage_node.looks.look import FindFaces, Looks, look
from storage_node.looks.small import SIDE
from storage_node.picture_limits import (
    ANIMATED,
    COUNTED_BY_HEADER,
    SWAPS_SIDES,
    check_canvas,
    check_count,
    check_outline,
    held,
    orientation,
)


def check(
    file: BinaryIO, decoder: str, limits: InspectionLimits, find_faces: FindFaces | None = None
) -> Inspection:
    """Decode `file` with the Pillow plugin `decoder` and no other."""
    file = held(file)
    frames = check_outline(file, decoder, limits)
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    # The open file and not its path: given a path, Pillow maps raw pixels instead of reading them.
    with Image.open(file, formats=[decoder]) as image:
        check_canvas(image.size, limits)
        if decoder == "JPEG":
            return _check_jpeg(image, find_faces)
        if decoder in COUNTED_BY_HEADER:
            frames = getattr(image, "n_frames", 1)
        return _check_frames(image, decoder, frames, limits, find_faces)


def _check_jpeg(image: ImageFile.ImageFile, find_faces: FindFaces | None) -> Inspection:
    """The first picture only: what follows it (previews, gain maps, depth) is not shown as a picture."""
    size, mode, turn = image.size, image.mode, orientation(image, "JPEG")
    image.draft(
        None, _looked_at(size) if find_faces else (SIDE, SIDE)
    )  # colours other than JPEG's usual ones are left as they are
    image.load()
    shown = _shown(size, turn)
    return _inspection(shown, 1, mode, turn, look(image, turn, shown, find_faces), animated=False)


def _check_frames(
    image: ImageFile.ImageFile,
    decoder: str,
    frames: int | None,
    limits: InspectionLimits,
    find_faces: FindFaces | None,
) -> Inspection:
    animated = decoder in ANIMATED
    if frames is not None:
        check_count(frames, frames * image.width * image.height if animated else 0, limits)
    first = image.tell()  # a HEIC collection opens at its primary picture, which need not be frame 0
    image.load()
    mode, turn = image.mode, orientation(image, decoder)
    shown = _shown(image.size, turn)
    seen = look(image, turn, shown, find_faces)
    count = _decode_others(image, first, frames, limits)
    return _inspection(shown, count, mode, turn, seen, animated=animated and count > 1)


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


def _looked_at(size: tuple[int, int]) -> tuple[int, int]:
    """The least that a JPEG may be decoded to when faces are looked for in it."""
    scale = min(1.0, faces.SIDE / max(size))
    return max(SIDE, math.ceil(size[0] * scale)), max(SIDE, math.ceil(size[1] * scale))


def _shown(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """The size as displayed."""
    return size if turn < SWAPS_SIDES else (size[1], size[0])


def _inspection(
    shown: tuple[int, int], frames: int, mode: str, turn: int, seen: Looks, *, animated: bool
) -> Inspection:
    width, height = shown
    return Inspection(
        width, height, frames, animated, mode, turn, seen.thumbhash, seen.blurhash, seen.color, seen.faces
    )
