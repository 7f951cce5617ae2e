"""Many frames to one file: GIF, WebP and AVIF keep moving. Called by `job`.

Frames come one after the other from the caller, rendered already; they are held until the file is written,
because the writers need them all, so their pixels together are limited before. A GIF's partial transparency
becomes none or full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image

from atoll.transformation.steps import Delivery, Format
from storage_node.rendering.encode import AVIF_SPEED, ENCODERS, Carried, hard_edged
from storage_node.rendering.quality import DEFAULTS

MOVING: frozenset[Format] = frozenset({"gif", "webp", "avif"})
_WEBP_METHOD = 2  # a frame of an animation costs what a picture does: faster, 3 % larger
_AUTOMATIC = {"auto:best": 5, "auto": 0, "auto:eco": -8, "auto:low": -18}  # from the default; not measured


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds for each frame, and how often all are shown: 0 for ever."""

    durations: Sequence[int]
    times: int


def encode_frames(
    frames: Sequence[Image.Image],
    timing: Timing,
    file: BinaryIO,
    written: Format,
    delivery: Delivery,
    along: Carried,
) -> None:
    """Write two frames or more, all of one size, in L, RGB or RGBA."""
    see_through = any(frame.mode == "RGBA" for frame in frames)
    alike = [_ready(frame, written, see_through=see_through) for frame in frames]
    options = {**_options(written, delivery, see_through=see_through), **_loop(written, timing.times)}
    alike[0].save(
        file,
        ENCODERS[written],
        save_all=True,
        append_images=alike[1:],
        duration=list(timing.durations),
        **options,
        **along.options(),
    )


def _ready(frame: Image.Image, written: Format, *, see_through: bool) -> Image.Image:
    frame = frame.convert("RGBA" if see_through else "RGB")
    return hard_edged(frame) if written == "gif" and see_through else frame


def _loop(written: Format, times: int) -> dict[str, int]:
    """GIF counts repetitions, and says nothing where there is none. AVIF's writer cannot say it."""
    if written == "gif":
        return {} if times == 1 else {"loop": max(0, times - 1)}
    return {"loop": times} if written == "webp" else {}


def _options(written: Format, delivery: Delivery, *, see_through: bool) -> dict[str, Any]:
    if written == "gif":
        return {"disposal": 2 if see_through else 1, "optimize": False}
    quality = _quality(delivery, written)
    if written == "avif":
        return {"quality": quality, "speed": AVIF_SPEED, "max_threads": 1}
    return {"quality": quality, "method": _WEBP_METHOD}


def _quality(delivery: Delivery, written: Format) -> int:
    asked = delivery.quality
    if isinstance(asked, int):
        return asked
    return DEFAULTS[written] + (_AUTOMATIC[asked] if asked else 0)
