"""Pictures in other colours than sRGB's: what is delivered shows the same, and its file says in which."""

from __future__ import annotations

import io

import pytest
from icc_profile import ADOBE_RGB, DISPLAY_P3, GAMMA, Space, grey_profile, in_srgb, profile
from picture_maker import saved
from PIL import Image, ImageCms
from rendering_stage import rendering

from atoll.transformation.colors import Color
from atoll.transformation.parser import parse
from atoll.transformation.steps import Background, Delivery, Resize

SPACES = {space.name: space for space in (DISPLAY_P3, ADOBE_RGB)}
# Greys stay what they are; what is strong is where the spaces differ; the last ones sRGB does not have.
COLOURS = [
    (0, 0, 0), (255, 255, 255), (128, 128, 128), (30, 30, 30),
    (180, 120, 90), (90, 140, 110), (70, 80, 160), (200, 180, 60), (160, 90, 160),
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 200, 200),
]  # fmt: skip
FIELD = 32  # pixels of a colour's side, so that JPEG's blocks do not mix two
EXACT = {"lossless": True, "exact": True}
WRITERS = {
    "PNG": {},
    "WEBP": EXACT,
    "JPEG": {"quality": 100, "subsampling": 0},
    "TIFF": {},
    "AVIF": {"quality": 100, "subsampling": "4:4:4", "speed": 9},
}
KEEP, STRIP = Delivery(profile="keep"), Delivery(profile="strip")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("rendering")) as running:
        yield running


def fields(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (FIELD * len(COLOURS), FIELD))
    for number, colour in enumerate(COLOURS):
        image.paste(colour, (number * FIELD, 0, (number + 1) * FIELD, FIELD))
    return image.convert(mode)


def shown(image: Image.Image) -> list[tuple[int, ...]]:
    """The colour in the middle of every field."""
    step, middle = image.width / len(COLOURS), image.height // 2
    return [image.getpixel((int((n + 0.5) * step), middle))[:3] for n in range(len(COLOURS))]


def assert_same(found, expected, most: int) -> None:
    for one, other in zip(found, expected, strict=True):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= most, (one, other)


def test_the_numbers_worked_out_by_hand_are_those_that_others_publish():
    """CSS Color 4 and browsers: these colours in sRGB, of spaces with that white and gamma."""
    assert_same([in_srgb(ADOBE_RGB, (255, 255, 255)), in_srgb(DISPLAY_P3, (128, 128, 128))],
                [(255, 255, 255), (128, 128, 128)], 1)  # fmt: skip
    assert in_srgb(DISPLAY_P3, (255, 0, 0)) == (255, 0, 0)  # cut off
    assert_same([in_srgb(ADOBE_RGB, (219, 0, 0))], [(255, 0, 0)], 1)  # sRGB's red has 218.6 there


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("decoder", WRITERS)
def test_a_wide_picture_is_shown_in_the_same_colours_of_srgb(stage, name, decoder):
    space: Space = SPACES[name]
    source = saved(decoder, fields(), icc_profile=profile(space), **WRITERS[decoder])
    expected = [in_srgb(space, colour) for colour in COLOURS]
    most = 2 if decoder in {"PNG", "WEBP", "TIFF"} else 6
    for delivery in (Delivery(), STRIP):
        assert_same(shown(stage.drawn(source, delivery=delivery)), expected, most)
        half = stage.drawn(source, Resize("scale", FIELD * len(COLOURS) // 2, FIELD // 2), delivery=delivery)
        assert_same(shown(half), expected, most)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("written", ["png", "webp", "jpg", "avif"])
def test_the_file_says_srgb_or_nothing_or_its_own_space_as_asked(stage, name, written):
    own = profile(SPACES[name])
    source = saved("PNG", fields(), icc_profile=own)
    kept = stage.drawn(source, delivery=Delivery(profile="keep", quality=100), format=written)
    assert kept.info["icc_profile"] == own
    assert_same(shown(kept.convert("RGB")), COLOURS, 2 if written == "png" else 8)
    said = ImageCms.ImageCmsProfile(io.BytesIO(stage.drawn(source, format=written).info["icc_profile"]))
    assert said.profile.profile_description.startswith("sRGB")
    assert not stage.drawn(source, delivery=STRIP, format=written).info.get("icc_profile")


def test_transparency_stays_beside_converted_colours(stage):
    image = fields("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    made = stage.drawn(saved("PNG", image, icc_profile=profile(DISPLAY_P3)))
    assert made.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert_same(shown(made), [in_srgb(DISPLAY_P3, colour) for colour in COLOURS], 2)


def test_a_palette_is_converted_too(stage):
    source = saved("PNG", fields().quantize(64), icc_profile=profile(ADOBE_RGB))
    assert_same(shown(stage.drawn(source)), [in_srgb(ADOBE_RGB, colour) for colour in COLOURS], 2)


def test_a_wide_layer_is_laid_on_in_the_same_colours(stage):
    layer = saved("PNG", fields(), icc_profile=profile(DISPLAY_P3))
    base = saved("PNG", Image.new("RGB", fields().size))
    made = stage.drawn(base, *parse("l_wide/fl_layer_apply").steps, layers={"wide": layer})
    assert_same(shown(made), [in_srgb(DISPLAY_P3, colour) for colour in COLOURS], 2)


def test_a_profile_that_only_calls_itself_srgb_is_applied_all_the_same(stage):
    source = saved("PNG", fields(), icc_profile=profile(DISPLAY_P3, 1.0, "sRGB, but linear"))
    expected = [in_srgb(DISPLAY_P3, colour, 1.0) for colour in COLOURS]
    assert_same(shown(stage.drawn(source)), expected, 2)


def test_a_format_that_can_hold_no_profile_gets_srgb_even_when_the_profile_shall_stay(stage):
    source = saved("PNG", fields(), icc_profile=profile(ADOBE_RGB))
    made = stage.drawn(source, delivery=KEEP, format="gif").convert("RGB")
    assert_same(shown(made), [in_srgb(ADOBE_RGB, colour) for colour in COLOURS], 4)


@pytest.mark.parametrize("written", ["png", "jpg", "webp", "avif"])
def test_a_grey_picture_is_converted_and_never_gets_a_profile_for_colours_it_has_not(stage, written):
    data = saved("PNG", Image.new("L", (40, 40), 100), icc_profile=grey_profile(1.0))
    expected = in_srgb(DISPLAY_P3, (100, 100, 100), 1.0)[0]
    for delivery in (Delivery(), KEEP):
        made = stage.drawn(data, delivery=delivery, format=written)
        kept = made.info.get("icc_profile") == grey_profile(1.0)
        assert kept == (delivery == KEEP and written in {"png", "jpg"})
        assert abs(made.convert("L").getpixel((20, 20)) - (100 if kept else expected)) <= 2
        assert space_of(made) in {None, "GRAY" if made.mode == "L" else "RGB"}


def test_a_grey_picture_with_transparency_is_converted_too(stage):
    image = Image.new("LA", (40, 40), (100, 128))
    data = saved("PNG", image, icc_profile=grey_profile(1.0))
    expected = in_srgb(DISPLAY_P3, (100, 100, 100), 1.0)
    for delivery in (Delivery(), KEEP):
        made = stage.drawn(data, Resize("scale", 20, 20), delivery=delivery).convert("RGBA")
        assert_same([made.getpixel((10, 10))], [(*expected, 128)], 2)


@pytest.mark.parametrize("delivery", [Delivery(), KEEP])
def test_what_turns_grey_or_coloured_on_the_way_has_no_profile_of_the_other(stage, delivery):
    wide = saved("PNG", fields(), icc_profile=profile(ADOBE_RGB))
    grey = saved("PNG", Image.new("L", (40, 40), 100), icc_profile=grey_profile(GAMMA))
    turned = stage.drawn(wide, *parse("e_grayscale").steps, delivery=delivery)
    assert space_of(turned) in {None, "GRAY" if turned.mode == "L" else "RGB"}
    padded = Resize("pad", 60, 40), Background(Color(200, 0, 0))
    turned = stage.drawn(grey, *padded, delivery=delivery)
    assert space_of(turned) in {None, "GRAY" if turned.mode == "L" else "RGB"}


def space_of(image: Image.Image) -> str | None:
    data = image.info.get("icc_profile")
    return ImageCms.ImageCmsProfile(io.BytesIO(data)).profile.xcolor_space.strip() if data else None
