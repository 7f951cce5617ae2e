"""A picture opened for rendering: what its header says, and its pixels at the scale that is needed.

Opening decodes nothing: limits are checked on the header, with one decoder allowed, chosen by the caller from
the file's sniffed type. `decoded` gives one frame upright, in the smallest scale its decoder can make that
still has every pixel asked for (only JPEG can: `jpeg_scale`). Decoders' own exceptions pass through to
`render_worker`. Called by `rendering.job` and, for overlays, `rendering.overlays`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageFile

from storage_node.inspection_protocol import InspectionLimits
from storage_node.picture_limits import (
    ANIMATED,
    SWAPS_SIDES,
    TURNS,
    check_canvas,
    check_count,
    check_outline,
    orientation,
)
from storage_node.rendering.geometry import Box, Size
from storage_node.rendering.jpeg_scale import decode_reduced
from storage_node.rendering.turned import turned


class SourceUnreadable(Exception):
    """The file itself cannot be opened: not the picture's fault."""


class NoSuchFrame(Exception):
    """The picture has fewer frames or pages than that; its argument counts from 0."""


class Decoded(NamedTuple):
    """Pixels, and the part of them that the picture is; None: all of them."""

    image: Image.Image
    extent: Box | None


@dataclass(frozen=True, slots=True)
class Source:
    """An open picture. `size` is the one displayed; `frames` counts an animation's, pages are not counted."""

    image: ImageFile.ImageFile
    decoder: str
    size: Size
    turn: int
    frames: int
    limits: InspectionLimits

    def decoded(self, scale: float = 1.0, frame: int | None = None) -> Decoded:
        """One frame or page, counted from 0, upright, not smaller than `scale` of the picture.

        Of what does not move, one only: its pixels are the caller's from then on.
        Raises NoSuchFrame, PictureRefused (a page with too many pixels), and whatever the decoder raises.
        """
        if frame is not None:
            self._seek(frame)
        extent = None
        if self.decoder == "JPEG" and scale < 1.0:
            extent = decode_reduced(self.image, _stored(self.size, self.turn, scale))
        self.image.load()
        image = self._let_go() if self.frames == 1 else self.image
        if (turn := TURNS.get(self.turn)) is None:
            return Decoded(image, extent)
        return Decoded(image.transpose(turn), extent and turned(extent, image.size, turn))

    def _let_go(self) -> Image.Image:
        """The pixels without their file, which would keep them to the end of the job; once."""
        alone = self.image._new(self.image.im)
        self.image._im = None
        return alone

    def shown_for(self) -> int:
        """How long the frame decoded last is shown, in milliseconds."""
        shown = self.image.info.get("duration", 0)
        return round(shown) if isinstance(shown, (int, float)) and 0 <= shown <= _LONGEST_FRAME else 0

    def shown_times(self) -> int:
        """How often an animation is shown: 0 for ever. GIF says how often it is repeated, or nothing."""
        times = self.image.info.get("loop")
        if isinstance(times, int) and 0 <= times <= _MOST_LOOPS:
            return min(times + 1, _MOST_LOOPS) if times and self.decoder == "GIF" else times
        return 1 if self.decoder == "GIF" else 0

    def _seek(self, frame: int) -> None:
        if frame == self.image.tell():
            return
        try:
            self.image.seek(frame)
        except EOFError:
            raise NoSuchFrame(frame) from None
        check_canvas(self.image.size, self.limits)


_MOST_LOOPS = 65_535  # what GIF and WebP can say
_LONGEST_FRAME = 60_000  # milliseconds; what claims more is no animation anyone waits for


@contextmanager
def open_source(path: Path, decoder: str, limits: InspectionLimits) -> Iterator[Source]:
    """Open with the Pillow plugin `decoder` and no other. Raises SourceUnreadable, PictureRefused."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceUnreadable from error
    with file:
        frames = None if decoder == "JPEG" else check_outline(file, decoder, limits)
        with _opened(file, decoder, limits) as image:
            turn = orientation(image, decoder)
            size = image.size if turn < SWAPS_SIDES else (image.height, image.width)
            yield Source(image, decoder, size, turn, _moving(image, decoder, frames, limits), limits)


@contextmanager
def _opened(file: BinaryIO, decoder: str, limits: InspectionLimits) -> Iterator[ImageFile.ImageFile]:
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    # The open file and not its path: given a path, Pillow maps raw pixels instead of reading them.
    with Image.open(file, formats=[decoder]) as image:
        check_canvas(image.size, limits)
        yield image


def _moving(image: ImageFile.ImageFile, decoder: str, frames: int | None, limits: InspectionLimits) -> int:
    """How many frames move; their limits are checked here, because each of them may get decoded."""
    if decoder not in ANIMATED:
        return 1
    count = frames if frames is not None and decoder == "GIF" else int(getattr(image, "n_frames", 1))
    check_count(count, count * image.width * image.height, limits)
    return max(1, count)


def _stored(size: Size, turn: int, scale: float) -> Size:
    """The smallest size worth decoding, as the file stores it (before it is turned)."""
    width, height = math.ceil(size[0] * scale), math.ceil(size[1] * scale)
    return (width, height) if turn < SWAPS_SIDES else (height, width)
