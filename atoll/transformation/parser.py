"""Reads a whole transformation. Pure; linear in its length, which is limited before anything else is done.

The text is what lies between slashes of a URL whose escaping is already undone (`paths` does that), or what
a bucket calls by a name. Whatever the text, the result is a `Transformation` or `BadTransformation`.
"""

from __future__ import annotations

import re

from atoll.transformation.appearance import read_appearance
from atoll.transformation.canonical import canonical
from atoll.transformation.component import Component
from atoll.transformation.deliveries import Said, delivery_of, read_said, together
from atoll.transformation.layers import read_overlay, read_source
from atoll.transformation.limits import DEFAULTS, Limits
from atoll.transformation.refusals import over_limit, refused
from atoll.transformation.resizing import read_resize
from atoll.transformation.steps import ImageLayer, LayerStep, Named, Step, TextLayer, Transformation

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def parse(text: str, limits: Limits = DEFAULTS) -> Transformation:
    """What `text` says; `BadTransformation` names the parameter at fault and the nearest valid one.

    Equal requests give equal transformations, and `parse(canonical(parse(text))) == parse(text)`.
    """
    if len(text) > limits.raw_characters:
        raise _too_long(len(text), limits)
    components = text.split("/")
    if len(components) > limits.components:
        near = "e_sepia,w_300"
        raise over_limit("components", limits.components, len(components), "/", near)
    reader = _Reader(limits)
    for component in components:
        reader.read(component)
    result = reader.result()
    if (length := len(canonical(result))) > limits.characters:
        raise _too_long(length, limits)
    return result


def _too_long(length: int, limits: Limits) -> Exception:
    return over_limit("characters", limits.characters, length, "/", "t_thumbnail")


class _Reader:
    """What has been read so far: the steps, the layer that is open, and what is said about the result."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._steps: list[Step] = []
        self._said = Said()
        self._layers = 0
        self._source: ImageLayer | TextLayer | None = None
        self._opening = ""
        self._layer_steps: list[LayerStep] = []

    def read(self, text: str) -> None:
        """One component."""
        if not text:
            raise refused("/", "//", "there is nothing between two slashes, or at an end", "w_300/e_sepia")
        component = Component(text)
        closes = self._source is not None and component.has_flag("layer_apply")
        if closes or (self._source is None and not component.has("l")):
            self._said = together(self._said, read_said(component), text)
        if component.has("l") and self._source is None:
            self._open(component)
        elif closes:
            self._close(component)
        elif component.has("t") and self._source is None:
            self._steps.append(self._named(component))
        else:
            self._read_steps(component)
        component.check_used_up()

    def _read_steps(self, component: Component) -> None:
        in_layer = self._source is not None
        steps = self._layer_steps if in_layer else self._steps
        if resize := read_resize(component, self._limits, in_layer=in_layer):
            steps.append(resize)
        steps.extend(read_appearance(component))

    def _open(self, component: Component) -> None:
        self._layers += 1
        if self._layers > self._limits.layers:
            raise over_limit("layers", self._limits.layers, self._layers, "l", "fl_layer_apply")
        self._source = read_source(component, self._limits)
        self._opening = component.text
        self._read_steps(component)

    def _close(self, component: Component) -> None:
        assert self._source is not None
        overlay = read_overlay(component, self._source, tuple(self._layer_steps), self._limits)
        self._steps.append(overlay)
        self._source, self._layer_steps = None, []

    def _named(self, component: Component) -> Named:
        name = component.take("t", lambda _, text: text) or ""
        if not _NAME.fullmatch(name):
            raise refused("t", f"t_{name}", "a name is up to 64 letters, digits, _ and -", "t_thumbnail")
        return Named(name)

    def result(self) -> Transformation:
        """Everything together; refused when a layer is still open."""
        if self._source is not None:
            why = "this layer has no end; a component with fl_layer_apply is missing"
            raise refused("l", self._opening, why, "fl_layer_apply")
        return Transformation(tuple(self._steps), delivery_of(self._said), self._said.pg, self._said.d)


def parse_definition(text: str, limits: Limits = DEFAULTS) -> Transformation:
    """What a bucket is to call by a name: the same, without `t_` in it, so that names never go in circles."""
    result = parse(text, limits)
    for step in result.steps:
        if isinstance(step, Named):
            raise refused("t", f"t_{step.name}", "what has a name cannot be made of names", "w_300")
    return result
