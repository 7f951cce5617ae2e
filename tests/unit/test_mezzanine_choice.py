"""Which derivatives of a slow picture are made of its smaller copy: all that need no pixel more."""

from __future__ import annotations

import pytest

from atoll.model import Face, Picture
from atoll.transformation.canonical import canonical
from atoll.transformation.parser import parse
from storage_node.rendering.mezzanine import MEZZANINE, SIDE, has_mezzanine, suffices

MOST = 4096
LARGE = Picture(6000, 4000)


@pytest.mark.parametrize(
    "text",
    [
        "c_fit,h_512,w_512",
        "c_limit,w_2048",
        "c_fill,h_264,w_288/e_sepia",
        "c_fit,w_800/e_blur:300",
        "c_fit,w_800/l_logo/fl_layer_apply,g_south_east",
        "e_grayscale/c_scale,w_0.25",
        "a_90/c_fit,w_300",
        "c_thumb,g_face,h_100,w_100",
        "c_fill,ar_1:1,w_1300",
    ],
)
def test_what_is_small_in_the_end_is_made_of_the_mezzanine(text: str) -> None:
    assert suffices(LARGE, parse(text), MOST)


@pytest.mark.parametrize(
    "text",
    [
        "c_limit,w_2050",
        "c_fill,ar_1:1,w_2000",  # of two thirds of the width
        "e_blur:300/c_fit,w_100",  # counts in pixels of the picture
        "bo_20px_solid_red/c_fit,w_100",
        "c_crop,h_3000,w_3000",
        "c_crop,h_1000,w_1000/c_fit,w_900",  # a cut-out that is shown nearly as it is
        "a_auto",  # no size: up to 4,096
        "c_fit,pg_2,w_100",  # another page
        "l_logo/fl_layer_apply/c_fit,w_100",
    ],
)
def test_what_needs_more_pixels_is_made_of_the_picture(text: str) -> None:
    assert not suffices(LARGE, parse(text), MOST)


def test_a_small_face_in_a_large_picture_needs_the_picture() -> None:
    near = parse("c_thumb,g_face,h_400,w_400")
    assert suffices(Picture(6000, 4000, faces=(Face(0.2, 0.2, 0.4, 0.6),)), near, MOST)
    assert not suffices(Picture(6000, 4000, faces=(Face(0.2, 0.2, 0.04, 0.06),)), near, MOST)


def test_the_mezzanine_is_not_made_of_itself() -> None:
    assert not suffices(LARGE, MEZZANINE, MOST)
    assert parse(canonical(MEZZANINE)) == MEZZANINE


@pytest.mark.parametrize(
    ("ext", "picture", "has"),
    [
        ("heic", LARGE, True),
        ("heic", Picture(1000, SIDE + 1), True),
        ("heic", Picture(SIDE, SIDE), False),
        ("jpg", LARGE, False),  # comes small from its decoder
        ("png", LARGE, False),
    ],
)
def test_only_what_is_slow_and_large_has_one(ext: str, picture: Picture, has: bool) -> None:
    assert has_mezzanine(ext, picture) is has
