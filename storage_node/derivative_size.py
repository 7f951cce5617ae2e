"""About how many pixels a derivative will have, before anybody makes it. Pure, and without the engine.

Only good for deciding whether an AVIF is worth waiting for: what turns, frames or finds is not worked out.
"""

from __future__ import annotations

from atoll.model import Picture
from atoll.transformation.steps import Offset, Resize, Share, Transformation
from storage_node.rendering.geometry import Ask, Size, fit_in


def result_pixels(transformation: Transformation, picture: Picture | None, max_side: int) -> int:
    """Width times height of the result; without a `picture`, of the largest that is allowed."""
    size = (picture.width, picture.height) if picture else (max_side, max_side)
    resizes = [step for step in transformation.steps if isinstance(step, Resize)]
    for step in resizes:
        size = fit_in(size, _ask(step, size)).canvas
    if not resizes and max(size) > max_side:
        size = fit_in(size, Ask("limit", max_side, max_side)).canvas
    return size[0] * size[1]


def _ask(step: Resize, size: Size) -> Ask:
    width = None if step.width == "auto" else step.width
    ratio = step.aspect[0] / step.aspect[1] if step.aspect else None
    return Ask(step.mode, _length(width, size[0]), _length(step.height, size[1]), ratio)


def _length(length: Offset | None, whole: int) -> float | None:
    return length.of * whole if isinstance(length, Share) else length
