"""The sizes of a `c_` step: what a Resize says, in the terms of `geometry`. Pure; touches no picture.

Called by `resizing`, which does the step, and by `planning`, which needs the sizes before there is a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable

from atoll.model import Face
from atoll.transformation.steps import Offset, Resize, Share
from storage_node.rendering import geometry
from storage_node.rendering.geometry import Box, Fitting, Point, Size


def ask_of(step: Resize, size: Size, base: Size | None = None, subject: Point | None = None) -> geometry.Ask:
    """`size`: of the picture; `base`: of the one that a layer will lie on, which `relative` lengths mean."""
    whole = base if base is not None and step.relative else size
    density = step.dpr if isinstance(step.dpr, float | int) else 1.0
    width = None if step.width == "auto" else step.width
    return geometry.Ask(
        mode=step.mode,
        width=length_of(width, whole[0], density),
        height=length_of(step.height, whole[1], density),
        ratio=step.aspect[0] / step.aspect[1] if step.aspect else None,
        zoom=step.zoom,
        subject=subject,
    )


def length_of(length: Offset | None, whole: int, density: float) -> float | None:
    """In pixels; `whole`: the side that a share is of."""
    if length is None:
        return None
    return length.of * whole if isinstance(length, Share) else length * density


def subject_of(step: Resize, faces: tuple[Box, ...] | None) -> Box | None:
    """What a gravity for faces means: the largest one, or the box around all."""
    if not faces or step.gravity not in {"face", "faces"}:
        return None
    if step.gravity == "face":
        return max(faces, key=lambda face: (face[2] - face[0]) * (face[3] - face[1]))
    lefts, tops, rights, bottoms = zip(*faces, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def fitting_of(step: Resize, size: Size, faces: tuple[Box, ...] | None, base: Size | None) -> Fitting:
    """The sizes of the step, which do not depend on pixels."""
    subject = subject_of(step, faces)
    extent = (subject[2] - subject[0], subject[3] - subject[1]) if subject else None
    return geometry.fit_in(size, ask_of(step, size, base, extent))


def boxes_of(faces: Iterable[Face] | None, size: Size) -> tuple[Box, ...] | None:
    """Faces in the pixels of a picture of this size; None when nobody has looked for any."""
    if faces is None:
        return None
    width, height = size
    return tuple(
        (f.left * width, f.top * height, (f.left + f.width) * width, (f.top + f.height) * height)
        for f in faces
    )
