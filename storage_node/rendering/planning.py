"""How small a source may be decoded: found from the header's size and the steps, before a pixel exists.

A step that works on every pixel alike, or on the picture's shape, does not mind the scale; one that counts
in pixels (a blur, a border, a layer) does, and so needs the source at its full size. Pure; called by `job` in
a worker and by `mezzanine` in the daemon.
"""

from __future__ import annotations

from collections.abc import Sequence

from atoll.transformation.steps import Art, Background, Effect, Opacity, Resize, Rotate, Step
from storage_node.rendering.fitting import fitting_of
from storage_node.rendering.geometry import Box, Size

_ANY_SCALE = frozenset(
    {
        "grayscale", "sepia", "brightness", "contrast", "saturation", "hue", "gamma", "negate",
        "auto_contrast", "vignette",
    }
)  # fmt: skip


def decode_scale(
    size: Size,
    steps: Sequence[Step],
    faces: tuple[Box, ...] | None,
    max_side: int,
    base: Size | None = None,
) -> float:
    """0 to 1: the share of the source's width and height that the steps can use.

    `base`: for a layer, the size of the picture it will lie on.
    """
    for step in steps:
        if isinstance(step, Resize):
            fitting = fitting_of(step, size, faces, base)
            if fitting.window != fitting.size:
                return min(1.0, fitting.scale)
            size = fitting.canvas  # only cut: what comes next may still need little of it
        elif isinstance(step, Rotate) and step.degrees % 90 == 0 and not faces:
            size = size if step.degrees % 180 == 0 else (size[1], size[0])
        elif not _minds_no_scale(step):
            return 1.0
    return min(1.0, max_side / max(size))


def _minds_no_scale(step: Step) -> bool:
    return isinstance(step, Art | Background | Opacity) or (
        isinstance(step, Effect) and step.name in _ANY_SCALE
    )


def sets_size(steps: Sequence[Step]) -> bool:
    """Whether anything asks for a size; otherwise a source larger than a result may be is made smaller."""
    return any(isinstance(step, Resize) for step in steps)
