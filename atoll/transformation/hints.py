"""What was left open with `auto` and is known once a client asks: width, density, format. Pure.

Who reads the client's headers decides the values, and rounds them to few different ones; here they take the
place of `w_auto`, `dpr_auto` and `f_auto`. `q_auto` stays: the rendering engine answers it from the picture.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.resizing import SHAPE_ALONE, folded
from atoll.transformation.steps import Format, LayerStep, Overlay, Resize, Share, Step, Transformation
from atoll.transformation.values import LARGEST_SHARE

_UNLIMITED = Limits(side=2**40)


def open_questions(transformation: Transformation) -> frozenset[str]:
    """Which of `w`, `dpr` and `f` depend on who asks: what an answer has to vary by."""
    sizes = [step for step in _flat(transformation.steps) if isinstance(step, Resize)]
    asked = {
        "w": any(size.width == "auto" for size in sizes),
        "dpr": any(size.dpr == "auto" for size in sizes),
        "f": transformation.delivery.format == "auto",
    }
    return frozenset(key for key, is_open in asked.items() if is_open)


def _flat(steps: Iterable[Step]) -> Iterable[Step]:
    for step in steps:
        yield from step.steps if isinstance(step, Overlay) else (step,)


def answered(
    transformation: Transformation,
    *,
    width: int | None,
    dpr: float,
    format: Format | None,  # noqa: A002 # the word of the grammar
    limits: Limits = DEFAULTS,
) -> Transformation:
    """The same with nothing left open but the quality.

    `width` is in CSS pixels, at least 1: density multiplies it as it does a width in the URL. None: the
    client did not say, and the picture's own width is kept. A hint that is too large is cut to the limit
    and not refused, for no user wrote it.
    """
    steps = (_step(step, width, dpr, limits) for step in transformation.steps)
    delivery = transformation.delivery
    if delivery.format == "auto":
        progressive = delivery.progressive and format in {None, "jpg"}
        lossy = delivery.lossy and format not in {"jpg", "avif"}
        delivery = replace(delivery, format=format, progressive=progressive, lossy=lossy)
    return replace(transformation, steps=tuple(s for s in steps if s is not None), delivery=delivery)


def _step(step: Step, width: int | None, dpr: float, limits: Limits) -> Step | None:
    if isinstance(step, Resize):
        return _resize(step, width, dpr, limits)
    if isinstance(step, Overlay):
        inner = (_resize(s, width, dpr, limits) if isinstance(s, Resize) else s for s in step.steps)
        kept: tuple[LayerStep, ...] = tuple(s for s in inner if s is not None)
        return replace(step, steps=kept)
    return step


def _resize(step: Resize, width: int | None, dpr: float, limits: Limits) -> Resize | None:
    if step.width != "auto" and step.dpr != "auto":
        return step
    said = replace(
        step,
        width=width if step.width == "auto" else step.width,
        dpr=_bearable(step, dpr if step.dpr == "auto" else step.dpr),
    )
    if said.width is None and said.height is None:
        return replace(said, dpr=1.0) if said.aspect and said.mode in SHAPE_ALONE else None
    return _cut(folded(said, _UNLIMITED), limits)


def _bearable(step: Resize, dpr: float) -> float:
    """`dpr` within what the parameter takes, and so that a fraction stays within what a fraction may be."""
    shares = [length.of for length in (step.width, step.height) if isinstance(length, Share)]
    return min(max(dpr, 0.1), LARGEST_SHARE, *(LARGEST_SHARE / share for share in shares))


def _cut(said: Resize, limits: Limits) -> Resize:
    """With both sides smaller by the same factor when one passes the limit."""
    sides = [length for length in (said.width, said.height) if isinstance(length, int)]
    if not sides or (largest := max(sides)) <= limits.side:
        return said
    width, height = (
        max(1, length * limits.side // largest) if isinstance(length, int) else length
        for length in (said.width, said.height)
    )
    return replace(said, width=width, height=height)
