"""How a step is written: its parameters, without those that say the default. Pure.

`canonical` decides which steps share a component and in which order the parameters stand.
"""

from __future__ import annotations

from typing import Literal

from atoll.transformation.colors import BLACK
from atoll.transformation.effects import EFFECTS
from atoll.transformation.escapes import escaped
from atoll.transformation.layers import TEXT
from atoll.transformation.numbers import spelt
from atoll.transformation.steps import (
    Art,
    Background,
    Border,
    Effect,
    Frame,
    ImageLayer,
    LayerStep,
    Opacity,
    Overlay,
    Resize,
    Rotate,
    TextLayer,
)
from atoll.transformation.values import spelt_length


class Words:
    """One component being written: values by key, and flags."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.flags: set[str] = set()

    def spelt(self) -> str:
        """The component's text, in the order of the alphabet."""
        values = dict(self.values)
        if self.flags:
            values["fl"] = ".".join(sorted(self.flags))
        return ",".join(f"{key}_{value}" for key, value in sorted(values.items()))


def write_step(step: LayerStep, words: Words) -> None:
    """Adds what `step` says to a component that says nothing of its kind yet."""
    values = words.values
    match step:
        case Resize():
            _write_resize(step, words)
        case Rotate():
            values["a"] = _spelt_rotation(step)
        case Effect(name, level):
            levels = EFFECTS[name].levels
            default = levels.default if levels else None
            values["e"] = name if level in {None, default} else f"{name}:{level}"
        case Art(name):
            values["e"] = f"art:{name}"
        case Frame(radius, border):
            _write_frame(radius, border, values)
        case Background(color):
            values["b"] = color.spelt
        case Opacity(percent):
            values["o"] = str(percent)


def _write_resize(step: Resize, words: Words) -> None:
    values = words.values
    if step.mode != "scale":
        values["c"] = step.mode
    for key, length in (("w", step.width), ("h", step.height)):
        if length is not None:
            values[key] = spelt_length(length)
    if step.aspect:
        values["ar"] = f"{step.aspect[0]}:{step.aspect[1]}"
    if step.gravity != _implied_gravity(step):
        values["g"] = step.gravity
    write_offsets(step, words)
    if step.zoom != 1.0:
        values["z"] = spelt(step.zoom)
    if step.dpr != 1.0:
        values["dpr"] = "auto" if step.dpr == "auto" else spelt(step.dpr)
    if step.relative:
        words.flags.add("relative")


def _implied_gravity(step: Resize) -> str:
    """What the parser takes when no gravity is said: a section with offsets starts at its corner."""
    return "north_west" if step.mode == "crop" and (step.x != 0 or step.y != 0) else "center"


def write_offsets(step: Resize | Overlay, words: Words) -> None:
    """Both for a point, which has to be said; otherwise what is not 0."""
    for key, way in (("x", step.x), ("y", step.y)):
        if way != 0 or step.gravity == "xy_center":
            words.values[key] = spelt_length(way)


def _spelt_rotation(step: Rotate) -> str:
    if not step.mirror:
        return spelt(step.degrees)
    flips = {0: "hflip", 180: "vflip"}
    return flips.get(int(step.degrees), "") if step.degrees in flips else f"hflip.{spelt(step.degrees)}"


def _write_frame(
    radius: tuple[int, int, int, int] | Literal["max"], border: Border | None, values: dict[str, str]
) -> None:
    if radius == "max":
        values["r"] = "max"
    elif any(radius):
        values["r"] = ":".join(str(corner) for corner in _fewest(radius))
    if border:
        values["bo"] = f"{border.width}px_solid_{border.color.spelt}"


def _fewest(corners: tuple[int, int, int, int]) -> tuple[int, ...]:
    """The fewest numbers that say the four, as in CSS."""
    a, b, c, d = corners
    if b != d:
        return corners
    if a != c:
        return a, b, c
    return (a, b) if a != b else (a,)


def write_source(source: ImageLayer | TextLayer, words: Words) -> None:
    """Adds the `l_` that begins a layer, and the colour of its text."""
    if isinstance(source, ImageLayer):
        words.values["l"] = spelt_public_id(source.public_id)
        return
    styles = [*(["bold"] if source.bold else []), *(["italic"] if source.italic else [])]
    styles += [source.align] if source.align != "left" else []
    style = "_".join([escaped(source.font), str(source.size), *styles])
    words.values["l"] = f"{TEXT}{style}:{escaped(source.text)}"
    if source.color != BLACK:
        words.values["co"] = source.color.spelt


def spelt_public_id(public_id: str) -> str:
    """A public_id with `:` for `/`. One in a folder called `text` is escaped once more, to be no text."""
    spelt_id = ":".join(escaped(folder) for folder in public_id.split("/"))
    return f"%74{spelt_id[1:]}" if spelt_id.startswith(TEXT) else spelt_id
