"""`l_`, `co_` and `fl_layer_apply`: what is laid upon the picture, and where. Pure.

A text is plain text: markup in it is letters. It may be in any script, right-to-left ones included; what
would reorder or hide other characters is refused, so that a log or a page that shows it shows the truth.
"""

from __future__ import annotations

import re
import unicodedata
from typing import cast

from msgspec.structs import replace

from atoll.transformation.appearance import read_percent
from atoll.transformation.colors import BLACK
from atoll.transformation.component import Component
from atoll.transformation.escapes import unescaped
from atoll.transformation.limits import Limits
from atoll.transformation.refusals import closest, refused, shown
from atoll.transformation.resizing import COMPASS
from atoll.transformation.steps import (
    Alignment,
    Compass,
    ImageLayer,
    LayerStep,
    Opacity,
    Overlay,
    Resize,
    Share,
    TextLayer,
)
from atoll.transformation.values import choice, color, integer, offset, public_id, side

TEXT = "text:"
_STYLE = re.compile(r"([a-z][a-z0-9 -]{0,39})_([0-9]{1,8})((?:_[a-z]{1,10}){0,3})", re.ASCII)
_OPTIONS = ("normal", "bold", "italic", "left", "center", "right")
_ALIGNMENTS = {"left", "center", "right"}
# Joiners and marks that writing itself needs: emoji families, Persian, Arabic and Hebrew among others.
_NEEDED_FORMATS = frozenset("\u061c\u200c\u200d\u200e\u200f")
_NEVER_SHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_EXAMPLE = "l_text:sans_40:Hello"


def read_source(component: Component, limits: Limits) -> ImageLayer | TextLayer:
    """What `l_` in this component names."""
    text = component.take("l", lambda _, text: text) or ""
    if not text.startswith(TEXT):
        return ImageLayer(public_id("l", text))
    style, colon, words = text.removeprefix(TEXT).partition(":")
    if not colon:
        raise refused("l", f"l_{text}", "a text is l_text:FONT_SIZE:TEXT", _EXAMPLE)
    line = component.take("co", color) or BLACK
    return replace(_styled(style, limits), text=_words(words, limits), color=line)


def _styled(style: str, limits: Limits) -> TextLayer:
    """A text layer still without its text: `FONT_SIZE`, then options."""
    match = _STYLE.fullmatch(_decoded(style).lower())
    if match is None:
        why = "font, _ and size belong there, then _bold, _italic, _center or _right if wanted"
        raise refused("l", f"l_{TEXT}{style}", why, _EXAMPLE)
    font = " ".join(match[1].replace("-", " ").split())  # one spelling: a hyphen is as good as a space
    size, options = match[2], match[3].split("_")[1:]
    for option in options:
        if option not in _OPTIONS:
            near = f"l_{TEXT}{font}_{size}_{closest(option, _OPTIONS)}"
            raise refused("l", f"l_{TEXT}{style}", f"there is no style {shown(option)}", near)
    aligned = _ALIGNMENTS.intersection(options)
    if len(aligned) > 1 or {"normal", "bold"} <= set(options):
        why = "these styles contradict each other"
        raise refused("l", f"l_{TEXT}{style}", why, f"l_{TEXT}{font}_{size}_{options[0]}")
    return TextLayer(
        text="",
        font=font,
        size=integer("l", size, 1, limits.font, f"{TEXT}{font}_"),
        bold="bold" in options,
        italic="italic" in options,
        align=cast(Alignment, next(iter(aligned), "left")),
    )


def _decoded(text: str) -> str:
    try:
        return unescaped(text)
    except UnicodeDecodeError as error:
        raise refused("l", f"l_{TEXT}{text}", "an escape is no UTF-8", _EXAMPLE) from error


def _words(escaped_words: str, limits: Limits) -> str:
    words = _decoded(escaped_words)
    if len(words) > limits.text:
        why = f"a text has at most {limits.text} characters, and this has {len(words)}"
        raise refused("l", f"l_{TEXT}…", why, _EXAMPLE)
    words = unicodedata.normalize("NFC", words)
    if any(_is_hidden(char) for char in words):
        why = "a text has no control characters (only %0A, a new line) and none that reorders others"
        raise refused("l", f"l_{TEXT}{words}", why, _EXAMPLE)
    if not words.strip():
        raise refused("l", f"l_{TEXT}{words}", "there is no text to show", _EXAMPLE)
    return words


def _is_hidden(char: str) -> bool:
    if char == "\n" or char in _NEEDED_FORMATS:
        return False
    is_noncharacter = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
    return is_noncharacter or unicodedata.category(char) in _NEVER_SHOWN


def read_overlay(
    component: Component, source: ImageLayer | TextLayer, steps: tuple[LayerStep, ...], limits: Limits
) -> Overlay:
    """The layer that `fl_layer_apply` in this component ends, laid as its other words say."""
    component.take_flag("layer_apply")
    percent = component.take("o", read_percent)
    opacity = 100 if percent is None else percent
    if component.has_flag("relative"):
        steps = (*steps, _relative(component, limits))
    if opacity == 100:
        opacity, steps = _last_opacity(steps)
    return Overlay(
        source=source,
        steps=steps,
        gravity=cast(Compass, component.take("g", lambda key, text: choice(key, text, COMPASS)) or "center"),
        x=component.take("x", offset) or 0,
        y=component.take("y", offset) or 0,
        opacity=opacity,
        tiled=component.take_flag("tiled") is not None,
    )


def _last_opacity(steps: tuple[LayerStep, ...]) -> tuple[int, tuple[LayerStep, ...]]:
    """An opacity at the layer's end is the same as one said where it is laid; a size commutes with it."""
    tail = steps[-1:] if steps and is_relative_size(steps[-1]) else ()
    body = steps[: len(steps) - len(tail)]
    if body and isinstance(body[-1], Opacity):
        return body[-1].percent, (*body[:-1], *tail)
    return 100, steps


def is_relative_size(step: LayerStep) -> bool:
    """Whether this could have been said beside `fl_layer_apply` as well (and is, in the canonical form)."""
    return (
        isinstance(step, Resize)
        and step.relative
        and step == Resize(width=step.width, height=step.height, relative=True)
    )


def _relative(component: Component, limits: Limits) -> Resize:
    """`fl_relative` beside `fl_layer_apply` is the layer's last step: a fraction of what it is laid on."""
    component.take_flag("relative")
    width, height = component.take("w", side(limits)), component.take("h", side(limits))
    lengths = [length for length in (width, height) if length is not None]
    if not lengths or not all(isinstance(length, Share) for length in lengths):
        raise component.contradiction("fl", "fl_relative needs w_ or h_ as a fraction", "fl_relative,w_0.3")
    return Resize(width=width, height=height, relative=True)
