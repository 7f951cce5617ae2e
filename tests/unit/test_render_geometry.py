"""Every c_ mode as arithmetic: what holds for any picture and any box, and Cloudinary's own examples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_node.rendering import geometry
from storage_node.rendering.geometry import Ask, fit_in

SIDES = st.integers(1, 5000)
SIZES = st.tuples(SIDES, SIDES)
RATIOS = st.sampled_from([None, 0.1, 0.5, 1.0, 16 / 9, 7.3])
GIVEN = st.none() | st.floats(0.2, 5000)
MODES = ("scale", "fit", "limit", "pad", "lpad", "fill", "lfill", "crop", "thumb")


def asks(*modes):
    return st.builds(
        Ask,
        mode=st.sampled_from(modes or MODES),
        width=GIVEN,
        height=GIVEN,
        ratio=RATIOS,
        zoom=st.sampled_from([0.3, 1.0, 2.5]),
        subject=st.none() | st.tuples(st.floats(1, 500), st.floats(1, 500)),
    )


def boxes(*modes):
    return st.builds(Ask, mode=st.sampled_from(modes), width=SIDES, height=SIDES)


@given(SIZES, asks())
def test_every_ask_has_an_answer_that_can_be_made(source, ask):
    fitting = fit_in(source, ask)
    for outer, inner in zip(source, fitting.window, strict=True):
        assert 0 < inner <= outer
    assert min(fitting.size) >= 1
    assert min(fitting.canvas) >= 1
    assert math.isfinite(fitting.scale)
    assert fitting.scale > 0


@given(SIZES, boxes("scale", "pad", "lpad", "fill", "thumb"))
def test_a_box_that_is_asked_for_is_what_one_gets(source, ask):
    assert fit_in(source, ask).canvas == (ask.width, ask.height)


@given(SIZES, boxes("fit", "limit", "lfill", "crop"))
def test_other_modes_stay_inside_the_box(source, ask):
    width, height = fit_in(source, ask).canvas
    assert width <= ask.width
    assert height <= ask.height


@given(SIZES, boxes("fit", "pad", "limit", "lpad"))
def test_fitting_keeps_the_shape_to_the_nearest_pixel(source, ask):
    fitting = fit_in(source, ask)
    assert fitting.window == source
    scale = min(ask.width / source[0], ask.height / source[1])
    if ask.mode in {"limit", "lpad"}:
        scale = min(1.0, scale)
    for made, side in zip(fitting.size, source, strict=True):
        assert abs(made - max(1, side * scale)) <= 0.5 + 1e-9


@given(SIZES, boxes("fit", "pad"))
def test_a_fit_touches_the_box(source, ask):
    size = fit_in(source, ask).size
    assert size[0] == ask.width or size[1] == ask.height


@given(SIZES, asks("limit", "lpad", "lfill", "crop"))
def test_what_must_not_enlarge_never_does(source, ask):
    fitting = fit_in(source, ask)
    for made, taken in zip(fitting.size, fitting.window, strict=True):
        assert made <= max(1, math.ceil(taken))


@given(SIZES, boxes("fill", "thumb"))
def test_a_fill_takes_the_boxs_shape_and_all_it_can_of_one_side(source, ask):
    window = fit_in(source, ask).window
    assert window[0] / window[1] == pytest.approx(ask.width / ask.height)
    assert window[0] == pytest.approx(source[0]) or window[1] == pytest.approx(source[1])


@given(SIZES, asks("crop"))
def test_a_crop_changes_no_pixel(source, ask):
    fitting = fit_in(source, ask)
    assert fitting.window == fitting.size == fitting.canvas
    assert fitting.scale == 1


@given(SIZES, st.sampled_from(["scale", "fit", "fill", "limit"]), SIDES)
def test_one_side_alone_keeps_the_shape(source, mode, width):
    made = fit_in(source, Ask(mode, width=width)).size
    expected = width if mode != "limit" else min(width, source[0])
    assert made[0] == expected
    assert abs(made[1] - max(1, expected * source[1] / source[0])) <= 0.5 + 1e-9


@given(SIZES, SIZES, st.sampled_from(sorted(geometry.ANCHORS)), st.tuples(SIDES, SIDES))
def test_what_is_held_inside_is_inside(outer, inner, compass, offset):
    inner = min(inner[0], outer[0]), min(inner[1], outer[1])
    corner = geometry.anchored(outer, inner, geometry.ANCHORS[compass], offset)
    left, top = geometry.held_inside(corner, outer, inner)
    assert 0 <= left <= outer[0] - inner[0]
    assert 0 <= top <= outer[1] - inner[1]


@given(SIZES, SIZES, asks())
def test_a_window_stays_inside_a_copy_at_another_scale(source, copy, ask):
    window = fit_in(source, ask).window
    corner = (source[0] - window[0], source[1] - window[1])
    left, top, right, bottom = geometry.in_scale(geometry.box_at(corner, window), source, (0.0, 0.0, *copy))
    assert 0 <= left < right <= copy[0]
    assert 0 <= top < bottom <= copy[1]


@pytest.mark.parametrize(
    ("source", "ask", "window", "size", "canvas"),
    [
        ((864, 576), Ask("scale", 450), (864, 576), (450, 300), (450, 300)),
        ((864, 576), Ask("scale", 150, 150), (864, 576), (150, 150), (150, 150)),
        ((864, 576), Ask("scale", 200, ratio=1.0), (864, 576), (200, 200), (200, 200)),
        ((864, 576), Ask("fit", 250, 250), (864, 576), (250, 167), (250, 167)),
        ((100, 50), Ask("fit", 250, 250), (100, 50), (250, 125), (250, 125)),
        ((100, 50), Ask("limit", 250, 250), (100, 50), (100, 50), (100, 50)),
        ((864, 576), Ask("pad", 250, 250), (864, 576), (250, 167), (250, 250)),
        ((100, 50), Ask("lpad", 250, 250), (100, 50), (100, 50), (250, 250)),
        ((864, 576), Ask("fill", 250, 250), (576, 576), (250, 250), (250, 250)),
        ((100, 50), Ask("lfill", 80, 80), (80, 50), (80, 50), (80, 50)),
        ((864, 576), Ask("lfill", 250, 250), (576, 576), (250, 250), (250, 250)),
        ((864, 576), Ask("crop", 200, 100), (200, 100), (200, 100), (200, 100)),
        ((864, 576), Ask("crop", 2000, 100), (864, 100), (864, 100), (864, 100)),
        ((864, 576), Ask("fill", ratio=1.0), (576, 576), (576, 576), (576, 576)),
        ((864, 576), Ask("pad", ratio=1.0), (864, 576), (864, 576), (864, 864)),
        ((864, 576), Ask("crop", ratio=2.0), (864, 432), (864, 432), (864, 432)),
        ((800, 800), Ask("thumb", 100, 100, subject=(100, 80)), (160, 160), (100, 100), (100, 100)),
        ((800, 800), Ask("thumb", 100, 100, zoom=2.0, subject=(100, 80)), (80, 80), (100, 100), (100, 100)),
        ((800, 800), Ask("thumb", 100, 100, subject=(700, 80)), (800, 800), (100, 100), (100, 100)),
        ((1, 65_535), Ask("fit", 100, 100), (1, 65_535), (1, 100), (1, 100)),
    ],
)
def test_worked_examples(source, ask, window, size, canvas):
    fitting = fit_in(source, ask)
    assert fitting.window == pytest.approx(window)
    assert (fitting.size, fitting.canvas) == (size, canvas)


@pytest.mark.parametrize(
    ("compass", "corner"),
    [
        ("north_west", (10, 5)),
        ("center", (60, 30)),
        ("south_east", (90, 45)),
        ("east", (90, 30)),
        ("north", (60, 5)),
    ],
)
def test_offsets_go_inwards_from_an_edge_and_right_and_down_from_the_middle(compass, corner):
    assert geometry.anchored((200, 100), (100, 50), geometry.ANCHORS[compass], (10, 5)) == corner
