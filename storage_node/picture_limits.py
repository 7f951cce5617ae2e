"""What a picture may be, checked on what its headers claim, before a decoder allocates for it.

Refuses with `PictureRefused`. Called in worker processes only: by `picture_check` on every upload and by the
rendering on every source, because a bucket's limits may have become narrower since.
"""

from __future__ import annotations

import mmap
import os
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageFile

from storage_node import container_outline
from storage_node.container_outline import Bounds
from storage_node.inspection_protocol import InspectionLimits, Refusal
from storage_node.outline_parts import Buffer

ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})  # the others' frames are pages, each of its own size
COUNTED_BY_HEADER = frozenset({"PNG", "WEBP", "AVIF", "HEIF"})  # `n_frames` costs a walk for the others
_UPRIGHT = frozenset({"HEIF", "TIFF"})  # their plugins turn these themselves while loading
_ORIENTATION = 0x0112  # the EXIF tag
_READ_BYTES = 2**20  # smaller files are read: looking through mapped memory takes ten times as long
SWAPS_SIDES = 5  # from this orientation on, width and height change places
TURNS = {  # what applies an orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureRefused(Exception):
    """The picture breaks a limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def held(file: BinaryIO) -> BinaryIO:
    """What is gone over twice, by the walk and by the decoder: small files are read once, into memory."""
    return BytesIO(file.read()) if os.fstat(file.fileno()).st_size <= _READ_BYTES else file


def check_outline(file: BinaryIO, decoder: str, limits: InspectionLimits) -> int | None:
    """Canvas against its limit, and the container walked to its end; frames if the walk counts them."""
    if isinstance(file, BytesIO):
        return _walked(file.getvalue(), decoder, limits)
    if os.fstat(file.fileno()).st_size <= _READ_BYTES:
        data = file.read()
        file.seek(0)
        return _walked(data, decoder, limits)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _walked(mapped, decoder, limits)


def _walked(data: Buffer, decoder: str, limits: InspectionLimits) -> int | None:
    if canvas := container_outline.canvas(decoder, data):
        check_canvas(canvas, limits)
    bounds = Bounds(limits.max_parts, limits.max_scans)
    return container_outline.frames(decoder, data, bounds)


def check_canvas(size: tuple[int, int], limits: InspectionLimits) -> None:
    """One frame's pixels."""
    width, height = size
    if width * height > limits.max_pixels:
        facts = {"max_pixels": limits.max_pixels, "pixels": width * height, "width": width, "height": height}
        raise PictureRefused(Refusal("too_many_pixels", facts))


def check_count(frames: int, pixels: int, limits: InspectionLimits) -> None:
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


def orientation(image: ImageFile.ImageFile, decoder: str) -> int:
    """How loaded pixels still have to be turned: EXIF's 1 to 8, 1 for what comes out upright.

    Metadata that cannot be read turns nothing, as in every viewer.
    """
    if decoder in _UPRIGHT or not image.info.keys() & _EXIF_IN:
        return 1
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - hostile metadata makes its parser raise anything at all
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_EXIF_IN = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
