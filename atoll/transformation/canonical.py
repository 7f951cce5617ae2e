"""Writes a transformation in the one way there is: what signs, caches and names files. Pure.

Parameters are in the order of the alphabet, defaults are left out, steps that a component does in the order
they have are written as one component, and what is said about the whole result stands in the last one.
The text is ASCII without spaces; its only escapes are those of free text.
"""

from __future__ import annotations

from collections.abc import Iterable

from atoll.transformation.escapes import escaped
from atoll.transformation.layers import is_relative_size
from atoll.transformation.spelling import Words, spelt_public_id, write_offsets, write_source, write_step
from atoll.transformation.steps import (
    Art,
    Background,
    Effect,
    Frame,
    LayerStep,
    Named,
    Opacity,
    Overlay,
    Resize,
    Rotate,
    Step,
    Transformation,
)

NOTHING = "a_auto"  # what a transformation without anything in it is written as
# What one component does, in this order; what shares a place shares a parameter.
_PLACE: dict[type, int] = {Resize: 0, Rotate: 1, Effect: 2, Art: 2, Frame: 3, Background: 4, Opacity: 5}


def canonical(transformation: Transformation) -> str:
    """The canonical text; equal for equal transformations, and the parser reads it back unchanged."""
    components = _components(transformation.steps) or [Words()]
    _add_delivery(components[-1], transformation)
    return "/".join(words.spelt() for words in components) or NOTHING


def _components(steps: Iterable[Step]) -> list[Words]:
    components: list[Words] = []
    place = len(_PLACE)  # of the last step written: the same or an earlier one needs a new component
    for step in steps:
        if isinstance(step, Overlay):
            components += _overlay(step)
        elif isinstance(step, Named):
            components.append(Words())
            components[-1].values["t"] = step.name
        else:
            place = _append(components, step, place)
            continue
        place = len(_PLACE)
    return components


def _append(components: list[Words], step: LayerStep, place: int) -> int:
    here = _PLACE[type(step)]
    if here <= place or not components:
        components.append(Words())
    write_step(step, components[-1])
    return here


def _overlay(overlay: Overlay) -> list[Words]:
    opening, closing = Words(), Words()
    write_source(overlay.source, opening)
    components, place = [opening], -1
    steps = overlay.steps
    if steps and is_relative_size(steps[-1]):
        write_step(steps[-1], closing)
        steps = steps[:-1]
    for step in steps:
        place = _append(components, step, place)
    closing.flags |= {"layer_apply"} | ({"tiled"} if overlay.tiled else set())
    if overlay.gravity != "center":
        closing.values["g"] = overlay.gravity
    write_offsets(overlay, closing)
    if overlay.opacity != 100:
        closing.values["o"] = str(overlay.opacity)
    return [*components, closing]


def _add_delivery(words: Words, transformation: Transformation) -> None:
    delivery, values = transformation.delivery, words.values
    if delivery.format:
        values["f"] = delivery.format
    if delivery.quality is not None:
        values["q"] = str(delivery.quality)
    if transformation.page is not None:
        values["pg"] = str(transformation.page)
    if transformation.fallback is not None:
        values["d"] = spelt_public_id(transformation.fallback)
    words.flags |= {name for name in ("progressive", "lossy", "keep_iptc") if getattr(delivery, name)}
    if delivery.profile != "srgb":
        words.flags.add(f"{delivery.profile}_profile")
    if delivery.attachment is not None:
        name = escaped(delivery.attachment)
        words.flags.add(f"attachment:{name}" if name else "attachment")
