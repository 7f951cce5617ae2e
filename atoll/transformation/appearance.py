"""`a_ e_ r_ bo_ b_ o_` of one component as steps, in the order they are done. Pure.

What changes nothing – `a_0`, `o_100`, `e_brightness:0` – is no step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from atoll.transformation.component import Component
from atoll.transformation.effects import ALIASES, EFFECTS, FILTERS
from atoll.transformation.numbers import number, spelt
from atoll.transformation.refusals import closest, refused
from atoll.transformation.steps import Art, Background, Border, Effect, Frame, LayerStep, Opacity, Rotate
from atoll.transformation.values import color, integer

_BORDER = re.compile(r"([0-9]{1,8})px_solid_(.*)", re.ASCII | re.DOTALL)
_WIDEST_BORDER = 200
_LARGEST_RADIUS = 4096
_CORNERS = {1: (0, 0, 0, 0), 2: (0, 1, 0, 1), 3: (0, 1, 2, 1), 4: (0, 1, 2, 3)}  # which of the said ones


def read_appearance(component: Component) -> Iterator[LayerStep]:
    """The steps that `component` says besides its size, without those that change nothing."""
    if (turn := component.take("a", _rotate)) is not None and turn != Rotate():
        yield turn
    if (effect := component.take("e", _effect)) is not None and not _is_neutral(effect):
        yield effect
    frame = Frame(component.take("r", _radius) or (0, 0, 0, 0), component.take("bo", _border))
    if frame != Frame():
        yield frame
    background = component.take("b", color)
    if background is not None and background.alpha:
        yield Background(background)
    percent = component.take("o", read_percent)
    if percent is not None and percent != 100:
        yield Opacity(percent)


def read_percent(key: str, text: str) -> int:
    """A whole number from 0 to 100."""
    return integer(key, text, 0, 100)


def _rotate(key: str, text: str) -> Rotate:
    if text in {"auto", "exif"}:  # every picture is turned upright before any step
        return Rotate()
    mirror, degrees, rest = False, 0.0, text
    while rest:
        flip, _, behind = rest.partition(".")
        if flip not in {"hflip", "vflip"}:
            return Rotate(round((degrees + _degrees(key, rest)) % 360, 3) % 360, mirror)
        mirror, rest = not mirror, behind
        degrees += 180 if flip == "vflip" else 0  # top to bottom is left to right, upside down
    if not text or text.endswith("."):
        raise refused(key, f"{key}_{text}", "degrees belong there, or hflip, vflip, auto", f"{key}_90")
    return Rotate(degrees % 360, mirror)


def _degrees(key: str, text: str) -> float:
    value = number(text)
    if value is None or not -360 <= value <= 360:
        near = closest(text, ("hflip", "vflip", "auto")) if value is None else spelt(value % 360)
        rule = "degrees from -360 to 360 belong there, or hflip, vflip, auto"
        raise refused(key, f"{key}_{text}", rule, f"{key}_{near}")
    return value


def _effect(key: str, text: str) -> Effect | Art:
    name, colon, level = text.partition(":")
    if name == "art":
        if level not in FILTERS:
            near = f"{key}_art:{closest(level, FILTERS)}"
            raise refused(key, f"{key}_{text}", "there is no such filter", near)
        return Art(level)
    name = ALIASES.get(name, name)
    if name not in EFFECTS:
        near = f"{key}_{closest(name, [*EFFECTS, *(f'art:{filter_}' for filter_ in FILTERS)])}"
        raise refused(key, f"{key}_{text}", "there is no such effect", near)
    return Effect(name, _level(key, name, level if colon else None))


def _level(key: str, name: str, text: str | None) -> int | None:
    levels = EFFECTS[name].levels
    if levels is None:
        if text is not None:
            raise refused(key, f"{key}_{name}:{text}", "this effect has no level", f"{key}_{name}")
        return None
    if text is not None:
        return integer(key, text, levels.low, levels.high, f"{name}:")
    if levels.default is None and not levels.optional:
        raise refused(key, f"{key}_{name}", "this effect needs a level", f"{key}_{name}:{levels.high // 2}")
    return levels.default


def _is_neutral(effect: Effect | Art) -> bool:
    levels = EFFECTS[effect.name].levels if isinstance(effect, Effect) else None
    return levels is not None and isinstance(effect, Effect) and levels.neutral == effect.level is not None


def _radius(key: str, text: str) -> tuple[int, int, int, int] | Literal["max"]:
    if text == "max":
        return "max"
    parts = text.split(":")
    if len(parts) not in _CORNERS:
        near = f"{key}_{':'.join(parts[:4])}"
        raise refused(key, f"{key}_{text}", "there are at most four corners", near)
    said = [integer(key, part, 0, _LARGEST_RADIUS) for part in parts]
    a, b, c, d = (said[which] for which in _CORNERS[len(said)])
    return a, b, c, d


def _border(key: str, text: str) -> Border | None:
    match = _BORDER.fullmatch(text)
    if match is None:
        rule = "a border is WIDTHpx_solid_COLOUR"
        raise refused(key, f"{key}_{text}", rule, f"{key}_4px_solid_black")
    width = integer(key, match[1], 0, _WIDEST_BORDER)
    line = color(key, match[2], f"{match[1]}px_solid_")
    return Border(width, line) if width and line.alpha else None
