"""What each parameter means, what has one spelling, and how a refusal helps."""

from __future__ import annotations

import pytest

from atoll.errors import BadTransformation
from atoll.transformation.canonical import NOTHING, canonical
from atoll.transformation.colors import Color
from atoll.transformation.effects import EFFECTS, FILTERS
from atoll.transformation.limits import Limits
from atoll.transformation.parameters import PARAMETERS
from atoll.transformation.parser import parse, parse_definition
from atoll.transformation.steps import (
    Art,
    Background,
    Border,
    Delivery,
    Effect,
    Frame,
    ImageLayer,
    Named,
    Opacity,
    Overlay,
    Resize,
    Rotate,
    Share,
    TextLayer,
    Transformation,
)

RED = Color(255, 0, 0)
WHITE = Color(255, 255, 255)


def steps(text):
    return parse(text).steps


MEANINGS = {
    "w_100": Resize(width=100),
    "w_0.5": Resize(width=Share(0.5)),
    "w_1.0": Resize(width=Share(1.0)),
    "w_auto": Resize(width="auto"),
    "h_007": Resize(height=7),
    "c_limit,h_20,w_10": Resize(mode="limit", width=10, height=20),
    "ar_3:2,w_300": Resize(width=300, height=200),
    "ar_1.5,h_200": Resize(width=300, height=200),
    "ar_16:9,w_0.5": Resize(width=Share(0.5), aspect=(16, 9)),
    "ar_1.91:1,c_fill": Resize(mode="fill", aspect=(191, 100)),
    "dpr_2.0,h_50,w_100": Resize(width=200, height=100),
    "dpr_2,w_0.25": Resize(width=Share(0.5)),
    "dpr_auto,w_100": Resize(width=100, dpr="auto"),
    "dpr_2,w_auto": Resize(width="auto", dpr=2.0),
    "ar_3:2,dpr_2,w_35": Resize(width=70, height=47),  # the shape is of what is made, not of a rounded half
    "c_fill,g_auto:attention,w_9": Resize(mode="fill", width=9, gravity="auto"),
    "c_fill,dpr_2,g_north,w_9,y_3": Resize(mode="fill", width=18, gravity="north", y=6),
    "c_crop,h_9,w_9": Resize(mode="crop", width=9, height=9),
    "c_crop,h_9,w_9,x_0": Resize(mode="crop", width=9, height=9, gravity="north_west"),
    "c_crop,g_xy_center,h_9,w_9,x_0,y_0.5": Resize("crop", 9, 9, gravity="xy_center", x=0, y=Share(0.5)),
    "c_thumb,g_face,w_9,z_1.50": Resize(mode="thumb", width=9, gravity="face", zoom=1.5),
    "a_-90": Rotate(270),
    "a_hflip": Rotate(mirror=True),
    "a_vflip": Rotate(180, mirror=True),
    "a_vflip.hflip": Rotate(180),
    "a_hflip.22.5": Rotate(22.5, mirror=True),
    "e_sepia": Effect("sepia", 80),
    "e_greyscale": Effect("grayscale"),
    "e_pixelate": Effect("pixelate"),
    "e_contrast:-5": Effect("contrast", -5),
    "e_art:clarendon": Art("clarendon"),
    "r_max": Frame("max"),
    "r_5": Frame((5, 5, 5, 5)),
    "r_1:2": Frame((1, 2, 1, 2)),
    "r_1:2:3": Frame((1, 2, 3, 2)),
    "r_1:2:3:4": Frame((1, 2, 3, 4)),
    "bo_3px_solid_red": Frame(border=Border(3, RED)),
    "bo_3px_solid_rgb:f00,r_max": Frame("max", Border(3, RED)),
    "b_rgb:ff000080": Background(Color(255, 0, 0, 128)),
    "b_rgb:F008": Background(Color(255, 0, 0, 136)),
    "o_40": Opacity(40),
    "t_Card-1": Named("Card-1"),
}


@pytest.mark.parametrize(("text", "step"), MEANINGS.items())
def test_a_component_means_this_step(text, step):
    assert steps(text) == (step,)


@pytest.mark.parametrize(
    "text",
    ["a_0", "a_360", "a_auto", "a_exif", "a_hflip.hflip", "o_100", "r_0", "bo_0px_solid_red", "b_transparent"]
    + [f"e_{name}:0" for name, rule in EFFECTS.items() if rule.levels and rule.levels.neutral == 0],
)
def test_what_changes_nothing_is_no_step(text):
    assert parse(text) == Transformation()
    assert canonical(parse(text)) == NOTHING
    assert parse(NOTHING) == Transformation()


def test_steps_of_one_component_have_a_fixed_order():
    assert steps("o_50,b_red,r_3,e_negate,a_5,w_9") == (
        Resize(width=9),
        Rotate(5),
        Effect("negate"),
        Frame((3, 3, 3, 3)),
        Background(RED),
        Opacity(50),
    )


def test_components_are_done_in_their_order():
    assert steps("e_negate/w_9") == (Effect("negate"), Resize(width=9))


def test_what_is_about_the_result_may_stand_anywhere_outside_of_layers():
    wanted = Delivery(format="jpg", quality="auto", progressive=True, profile="strip", attachment="a.jpg")
    meant = Transformation((Resize(width=9), Effect("negate")), wanted, page=2, fallback="x/y")
    assert (
        parse("f_jpeg,w_9/q_auto:good,e_negate/pg_2,d_x:y,fl_progressive.strip_profile.attachment:a%2Ejpg")
        == meant
    )
    assert (
        parse("f_jpg/pg_2,w_9,e_negate,q_auto/fl_strip_profile,fl_progressive,fl_attachment:a%2Ejpg/d_x:y")
        == meant
    )


def test_lossy_says_nothing_for_a_format_that_always_is():
    assert parse("f_jpg,fl_lossy") == parse("f_jpg")
    assert parse("f_png,fl_lossy") != parse("f_png")


def test_an_image_layer_with_steps_of_its_own():
    (layer,) = steps("l_brand:logo,w_50/e_negate/fl_layer_apply.tiled,g_south_east,x_10,y_0.1,o_30")
    assert layer == Overlay(
        ImageLayer("brand/logo"),
        (Resize(width=50), Effect("negate")),
        gravity="south_east",
        x=10,
        y=Share(0.1),
        opacity=30,
        tiled=True,
    )


def test_a_text_layer_with_its_style():
    (layer,) = steps("co_white,l_text:Open Sans_40_bold_italic_center:Hi%2C%0Ayou/fl_layer_apply")
    assert layer == Overlay(TextLayer("Hi,\nyou", "open sans", 40, True, True, "center", WHITE))


def test_opacity_and_relative_size_are_the_same_in_the_layer_and_where_it_is_laid():
    assert (
        parse("l_logo/fl_relative,w_0.3/o_30/fl_layer_apply")
        == parse("l_logo/o_30/fl_relative,w_0.3/fl_layer_apply")
        == parse("l_logo/fl_layer_apply,fl_relative,w_0.3,o_30")
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("100%", "100%"),
        ("100%25", "100%"),
        ("a%2Fb%3Ac", "a/b:c"),
        ("a:b", "a:b"),
        ("<b>&amp;<%2Fb>", "<b>&amp;</b>"),
        ("e\u0301", "é"),
        ("שלום", "שלום"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("%D7%A9", "ש"),
        ("%2541", "%41"),
    ],
)
def test_a_text_is_shown_as_it_is_in_any_script(written, shown):
    (layer,) = steps(f"l_text:sans_9:{written}/fl_layer_apply")
    assert layer.source.text == shown


@pytest.mark.parametrize(
    "hidden",
    ["\0", "%00", "\x1b[31m", "%07", "\u202e", "%E2%80%AE", "\u2066", "\ufeff", "\u2028", "\ufffe", "\r"],
)
def test_a_text_has_no_characters_that_hide_or_reorder_others(hidden):
    with pytest.raises(BadTransformation, match="control") as refusal:
        parse(f"l_text:sans_9:a{hidden}b/fl_layer_apply")
    assert str(refusal.value.facts["got"]).isascii()
    assert str(refusal.value.facts["got"]).isprintable()


def test_a_public_id_that_begins_like_a_text_is_still_an_image():
    meant = parse("l_%74ext:logo/fl_layer_apply")
    assert meant.steps == (Overlay(ImageLayer("text/logo")),)
    assert parse(canonical(meant)) == meant


@pytest.mark.parametrize(
    "text", ["l_..:x/fl_layer_apply", "l_a%2F..%2Fb/fl_layer_apply", "d_%00", "d_", "d_a::b"]
)
def test_a_public_id_in_a_transformation_is_held_to_the_grammar_of_names(text):
    with pytest.raises(BadTransformation) as refusal:
        parse(text)
    assert refusal.value.facts["parameter"] == text[0]


ONE_SPELLING = {
    "c_fill,g_face,w_288,h_264/e_sepia/f_auto,q_auto": "c_fill,e_sepia,f_auto,g_face,h_264,q_auto,w_288",
    "f_auto/c_scale,w_0300": "f_auto,w_300",
    "c_fill,ar_16:9,w_640,dpr_2.0": "c_fill,h_720,w_1280",
    "b_white,c_pad,g_center,h_90,w_90": "b_rgb:ffffff,c_pad,h_90,w_90",
    "c_crop,h_9,w_9,x_1": "c_crop,h_9,w_9,x_1",
    "c_crop,g_center,h_9,w_9,x_1": "c_crop,g_center,h_9,w_9,x_1",
    "c_crop,h_9,w_9,x_0,y_0": "c_crop,g_north_west,h_9,w_9",
    "e_blur/w_9": "e_blur/w_9",
    "e_blur:100": "e_blur",
    "e_blur/e_blur": "e_blur/e_blur",
    "r_3/bo_2px_solid_black": "r_3/bo_2px_solid_rgb:000000",
    "r_1:1:1:1": "r_1",
    "a_90.0": "a_90",
    "w_0.500": "w_0.5",
    "l_logo/o_50/fl_layer_apply,g_south": "l_logo/fl_layer_apply,g_south,o_50",
    "l_text:Sans_9:a b/fl_layer_apply": "l_text:sans_9:a%20b/fl_layer_apply",
    "l_text:Open-Sans_9:a/fl_layer_apply": "l_text:open%20sans_9:a/fl_layer_apply",
    "l_text:open  sans_9:a/fl_layer_apply": "l_text:open%20sans_9:a/fl_layer_apply",
    "t_card/fl_keep_iptc,fl_progressive": "fl_keep_iptc.progressive,t_card",
}


@pytest.mark.parametrize(("written", "text"), ONE_SPELLING.items())
def test_equal_requests_have_one_spelling(written, text):
    assert canonical(parse(written)) == text


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS)
def test_every_example_of_the_table_is_understood(parameter):
    text = parameter.example
    if text.startswith("fl_layer_apply"):
        text = f"l_logo/{text}"
    elif "l_text" in text and "layer_apply" not in text:
        text = f"{text}/fl_layer_apply"
    assert parse(canonical(parse(text))) == parse(text)


@pytest.mark.parametrize("name", [*EFFECTS, *(f"art:{name}" for name in FILTERS)])
def test_every_effect_is_understood(name):
    levels = EFFECTS[name].levels if name in EFFECTS else None
    said = [f"e_{name}:{level}" for level in (levels.low, levels.high)] if levels else [f"e_{name}"]
    for text in said:
        assert parse(canonical(parse(text))) == parse(text)


# What is wrong, the parameter at fault, and the nearest that is valid.
REFUSED = {
    "": ("/", "w_300/e_sepia"),
    "w_9/": ("/", "w_300/e_sepia"),
    "w_9,,h_9": ("", None),
    "width_100": ("width", "w_100"),
    "wdth_100": ("wdth", "w_100"),
    "W_100": ("W", "w_100"),
    "grayscale": ("grayscale", "e_grayscale"),
    "sepia_50": ("sepia", "e_sepia"),
    "fit": ("fit", "c_fit,h_200,w_300"),
    "w_0": ("w", "w_1"),
    "w_9999": ("w", "w_4096"),
    "w_300.0": ("w", "w_300"),
    "w_1e3": ("w", "w_1"),
    "w_+5": ("w", "w_1"),
    "w_\u0665": ("w", "w_1"),
    "w_5,w_5": ("w", "w_5"),
    "q_0": ("q", "q_1"),
    "q_101": ("q", "q_100"),
    "q_79.6": ("q", "q_80"),
    "q_auto:god": ("q", "q_auto:good"),
    "c_fil,w_9": ("c", "c_fill"),
    "c_fill": ("w", "c_fill,w_300"),
    "ar_2:1": ("w", "ar_2:1,c_scale,w_300"),
    "ar_2:1,c_fill,h_9,w_9": ("ar", "c_fill,h_9,w_9"),
    "ar_1000:1,w_9": ("ar", "ar_16:9"),
    "ar_1:4,w_4096": ("h", "h_4096"),
    "dpr_2": ("dpr", "dpr_2,w_300"),
    "dpr_2,w_3000": ("w", "w_4096"),
    "c_crop,dpr_2,w_9": ("dpr", "c_fill,w_9"),
    "c_crop,w_auto": ("w", "c_fill,w_auto"),
    "g_face,w_9": ("g", "c_fill,g_face,h_200,w_300"),
    "c_pad,g_face,w_9": ("g", "g_center"),
    "c_fill,g_fase,w_9": ("g", "g_face"),
    "c_fill,g_auto,w_9,x_1": ("x", "g_north_west"),
    "c_crop,g_xy_center,w_9,x_1": ("y", "g_xy_center,x_1,y_100"),
    "c_fill,g_north,w_9,z_2": ("z", "c_thumb,g_face,h_90,w_90,z_0.7"),
    "c_crop,g_face,h_9,w_9,z_2": ("z", "c_thumb,g_face,h_90,w_90,z_0.7"),
    "a_400": ("a", "a_40"),
    "a_hflp": ("a", "a_hflip"),
    "a_90.hflip": ("a", "a_hflip"),
    "e_sepai": ("e", "e_sepia"),
    "e_sepia:0": ("e", "e_sepia:1"),
    "e_negate:5": ("e", "e_negate"),
    "e_contrast": ("e", "e_contrast:50"),
    "e_art:claredon": ("e", "e_art:clarendon"),
    "r_1:2:3:4:5": ("r", "r_1:2:3:4"),
    "bo_4px_dashed_red": ("bo", "bo_4px_solid_black"),
    "bo_4px_solid_rad": ("bo", "bo_4px_solid_red"),
    "b_rgb:12": ("b", "b_rgb:ff0000"),
    "b_whit": ("b", "b_white"),
    "co_red,w_9": ("co", "co_gold,l_text:sans_40:Hello"),
    "f_jgp": ("f", "f_jpg"),
    "f_png/f_webp": ("f", "f_png"),
    "f_webp,fl_progressive": ("fl", "f_jpg,fl_progressive"),
    "fl_strip_profile.keep_profile": ("fl", "fl_keep_profile"),
    "fl_progresive": ("fl", "fl_progressive"),
    "fl_relative,w_0.5": ("fl", "fl_layer_apply.relative,w_0.3"),
    "fl_layer_apply": ("fl", "l_logo/fl_layer_apply"),
    "l_logo": ("l", "fl_layer_apply"),
    "l_logo/l_logo/fl_layer_apply": ("l", "fl_layer_apply"),
    "l_logo/f_png/fl_layer_apply": ("f", "fl_layer_apply"),
    "l_logo/t_card/fl_layer_apply": ("t", "t_thumbnail"),
    "l_logo/w_9,fl_relative/fl_layer_apply": ("fl", "fl_relative,w_0.3"),
    "l_logo/fl_layer_apply,w_9": ("w", "fl_layer_apply.relative,w_0.3"),
    "l_text:sans_9:a, b/fl_layer_apply": ("l", "l_text:sans_40:one%2C two"),
    "l_text:sans:a/fl_layer_apply": ("l", "l_text:sans_40:Hello"),
    "l_text:sans_9_blod:a/fl_layer_apply": ("l", "l_text:sans_9_bold"),
    "l_text:sans_9: /fl_layer_apply": ("l", "l_text:sans_40:Hello"),
    "t_a b": ("t", "t_thumbnail"),
    "t_card,w_9": ("w", "fl_layer_apply.relative,w_0.3"),
    "pg_0": ("pg", "pg_1"),
    "fl_attachment:a%2Fb": ("fl", "fl_attachment:picture"),
}


@pytest.mark.parametrize(("text", "parameter", "nearest"), [(text, *told) for text, told in REFUSED.items()])
def test_a_refusal_names_the_parameter_and_the_nearest_valid_one(text, parameter, nearest):
    with pytest.raises(BadTransformation) as refusal:
        parse(text)
    problem = refusal.value.problem()
    assert problem["status"] == 400
    assert problem["parameter"] == parameter
    assert nearest is None or problem["nearest"] == nearest
    assert problem["nearest"] in problem["detail"]


def counted(limit, got):
    return pytest.raises(BadTransformation, match=f"at most {limit} .* has {got}")


def test_limits_are_numbers_that_settings_can_change():
    layer = "l_a/fl_layer_apply"
    parse("/".join(["e_negate"] * 8))
    with counted(8, 9):
        parse("/".join(["e_negate"] * 9))
    parse("/".join([layer] * 3))
    with counted(3, 4):
        parse("/".join([layer] * 4))
    with counted(1, 2):
        parse(f"{layer}/{layer}", Limits(layers=1))
    with counted(1, 2):
        parse("w_9/e_negate", Limits(components=1))
    parse("l_text:a_9:" + "\u05d0" * 200 + "/fl_layer_apply")
    with pytest.raises(BadTransformation, match="at most 200 characters"):
        parse("l_text:a_9:" + "x" * 201 + "/fl_layer_apply")
    with pytest.raises(BadTransformation, match="from 1 to 512"):
        parse("l_text:a_513:x/fl_layer_apply")
    with pytest.raises(BadTransformation, match="from 1 to 50"):
        parse("w_51", Limits(side=50))


def test_what_gets_a_name_has_no_names_in_it():
    assert parse_definition("w_9") == parse("w_9")
    with pytest.raises(BadTransformation, match="made of names"):
        parse_definition("w_9/t_card")
