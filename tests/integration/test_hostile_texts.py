"""Text overlays that renderers stumble over, drawn by a real worker: done, or refused for their size."""

from __future__ import annotations

import pytest
from picture_maker import saved, scene
from rendering_stage import rendering

from atoll.errors import BadTransformation, Unrenderable
from atoll.transformation.escapes import escaped
from atoll.transformation.parser import parse

BASE = saved("JPEG", scene(300, 200))
TEXTS = {
    "emoji": "\U0001f4a9\U0001f600",
    "a family of joined emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flags and skin": "\U0001f1e9\U0001f1ea \U0001f44b\U0001f3fd",
    "hebrew": "שלום עולם",
    "arabic": "السلام عليكم",
    "both directions": "abc אבג 123 الفبا def",
    "direction marks": "\u200fabc\u200e\u200f" * 20,
    "joiners alone": "\u200d\u200c" * 50 + "a",
    "marks on one letter": "Z" + "\u0300\u0301\u0302\u0323\u0330" * 39,
    "marks on nothing": "\u0301" * 199 + "x",
    "indic": "क्षत्रिय ஸ்ரீ ក្រុង",
    "telugu that crashed telephones": "జ్ఞ\u200cా",
    "thai": "ที่สุด" * 20,
    "chinese": "漢字" * 50,
    "hangul from parts": "\u1112\u1161\u11ab" * 60,
    "private letters": "\ue000\uf8ff",
    "beyond the first plane": "\U0002f800\U000e0100",
    "replacement": "\ufffd" * 50,
    "markup": "<b onload=alert(1)>&amp;</b>",
    "shell": "$(id) `id` %s%n {{7*7}}",
    "lines": "a\n" * 99 + "b",
    "empty lines": "\n" * 100 + "x",
    "spaces": " " * 150 + "x",
    "wide": "W" * 200,
}
STYLES = ("sans_20", "sans_1", "Arial_60_bold_italic_right", "sans_512_bold_center")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("texts")) as running:
        yield running


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_drawn_or_refused_for_its_size_and_no_worker_dies_of_it(stage, name):
    workers = stage.renderer.pool.worker_pids()
    for style in STYLES:
        layer = f"l_text:{style}:{escaped(TEXTS[name])},co_red/e_blur:100/fl_layer_apply,g_south"
        assert outcome(stage, layer) in {(300, 200), "l", "result_too_large", "layer_too_large"}
    assert stage.renderer.pool.worker_pids() == workers
    assert stage.left_over() == []


def outcome(stage, layer: str) -> object:
    """The size of what was made, or what it was refused for."""
    try:
        made = stage.made(BASE, *parse(layer).steps, format="png")
    except BadTransformation as refusal:
        return refusal.facts["parameter"]
    except Unrenderable as refusal:
        return refusal.facts["reason"]
    return made.width, made.height
