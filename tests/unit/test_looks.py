"""Placeholders: what a page draws of them looks like the picture, however the picture keeps its pixels."""

from __future__ import annotations

import msgspec
import pytest
from picture_maker import cut_out, scene
from PIL import Image, ImageChops, ImageCms, ImageFilter, ImageStat
from placeholder_reader import drawn_blurhash, drawn_thumbhash, thumbhash_ratio

from atoll.model import Picture
from storage_node.looks.look import Looks, look
from storage_node.looks.small import small_copy

SIDE = 32
NEAR, FAR = 0.1, 0.2


def looked_at(image: Image.Image, turn: int = 1) -> Looks:
    found = look(image, turn, image.size if turn < 5 else image.size[::-1])
    kept = msgspec.convert({"width": 1, "height": 1, **found._asdict()}, Picture)  # within the model's bounds
    assert kept.color == found.color
    return found


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are from each other, 0 to 1, once both are as blurred as a placeholder."""
    soft = ImageFilter.GaussianBlur(4)
    pair = (
        image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX).filter(soft) for image in (one, other)
    )
    return max(ImageStat.Stat(ImageChops.difference(*pair)).rms) / 255


@pytest.mark.parametrize("size", [(600, 400), (300, 500), (64, 64), (16, 9), (2, 3)])
def test_a_placeholder_looks_like_its_picture(size: tuple[int, int]) -> None:
    image = scene(*size)
    found = looked_at(image)
    assert apart(drawn_thumbhash(found.thumbhash, SIDE, SIDE), image) < NEAR
    assert apart(drawn_blurhash(found.blurhash, SIDE, SIDE), image) < NEAR
    assert apart(drawn_thumbhash(found.thumbhash, SIDE, SIDE), ImageChops.invert(image)) > FAR


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_placeholder_is_upright(turn: int) -> None:
    """The tag says how a viewer turns it: EXIF 6 is turned a quarter clockwise."""
    turns = Image.Transpose
    undone = (None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM, turns.TRANSPOSE)
    undone = (*undone, turns.ROTATE_90, turns.TRANSVERSE, turns.ROTATE_270)[turn - 1]
    image = scene(300, 200)
    found = looked_at(image if undone is None else image.transpose(undone), turn)
    assert apart(drawn_thumbhash(found.thumbhash, SIDE, SIDE), image) < NEAR
    assert thumbhash_ratio(found.thumbhash) > 1


def test_transparency_is_in_the_thumbhash_and_takes_no_colour_from_the_rest() -> None:
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((220, 30, 40, 255), (0, 0, 100, 100))
    found = looked_at(image)
    drawn = drawn_thumbhash(found.thumbhash, 20, 10)
    assert drawn.getpixel((2, 5))[3] > 200
    assert drawn.getpixel((17, 5))[3] < 50
    assert found.color == "#dc1e28"
    assert apart(drawn.convert("RGB"), Image.new("RGB", (20, 10), (220, 30, 40))) < NEAR
    assert apart(drawn_blurhash(found.blurhash, 20, 10), Image.new("RGB", (20, 10), (220, 30, 40))) < NEAR


def test_an_alpha_channel_that_hides_nothing_changes_nothing() -> None:
    image = scene()
    assert looked_at(image.convert("RGBA")) == looked_at(image)


def test_a_picture_of_which_nothing_is_seen_has_a_placeholder_and_no_colour() -> None:
    found = looked_at(Image.new("RGBA", (30, 20), (9, 9, 9, 0)))
    assert found.color == ""
    assert drawn_thumbhash(found.thumbhash, 4, 4).getextrema()[3][1] < 20


def test_the_colour_is_the_one_that_covers_most_and_not_the_mean() -> None:
    image = Image.new("RGB", (90, 60), (20, 90, 200))
    image.paste((250, 240, 20), (0, 0, 40, 60))
    assert looked_at(image).color == "#145ac8"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "P"])
def test_every_way_of_keeping_colours_is_understood(mode: str) -> None:
    image = scene()
    found = looked_at(image.convert(mode))
    assert apart(drawn_thumbhash(found.thumbhash, SIDE, SIDE), image) < NEAR


@pytest.mark.parametrize("mode", ["1", "L", "LA", "PA", "I", "F", "I;16", "I;16B", "I;16L", "RGBa", "LAB"])
def test_every_other_kind_of_pixel_is_understood_too(mode: str) -> None:
    grey = scene().convert("L")
    found = looked_at(_in(mode, grey))
    assert apart(drawn_thumbhash(found.thumbhash, SIDE, SIDE), grey) < NEAR


def _in(mode: str, grey: Image.Image) -> Image.Image:
    if mode.startswith("I"):
        wide = grey.convert("I").point(lambda level: level * 257)
        return wide.convert("I;16") if mode == "I;16L" else wide if mode == "I" else wide.convert(mode)
    through = {"PA": "LA", "RGBa": "RGBA", "LAB": "RGB"}.get(mode)
    if mode == "LAB":
        return ImageCms.profileToProfile(
            grey.convert("RGB"),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
    return grey.convert(through).convert(mode) if through else grey.convert(mode)


def test_a_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([0, 0, 0, 250, 10, 10])
    image.paste(1, (0, 0, 40, 20))
    image.info["transparency"] = 0
    found = looked_at(image)
    assert found.color == "#fa0a0a"
    assert drawn_thumbhash(found.thumbhash, 10, 10).getpixel((5, 9))[3] < 60


@pytest.mark.parametrize("size", [(1, 65_535), (65_535, 1), (1, 1), (1, 2), (5_000, 3)])
def test_extreme_proportions_have_placeholders(size: tuple[int, int]) -> None:
    found = looked_at(Image.new("RGB", size, (200, 100, 50)))
    assert found.color == "#c86432"
    assert drawn_thumbhash(found.thumbhash, 3, 3).getpixel((1, 1))[0] in range(190, 211)


def test_an_even_picture_has_no_waves() -> None:
    drawn = drawn_thumbhash(looked_at(Image.new("RGB", (40, 30), (10, 200, 90))).thumbhash, 8, 6)
    assert all(high - low <= 2 for low, high in drawn.getextrema())


def test_pixels_of_an_unknown_kind_have_no_looks() -> None:
    image = cut_out()
    image._mode = "XYZ"
    assert look(image, 1, image.size) == Looks()


def test_the_copy_is_small_and_needs_no_second_picture_of_the_same_size() -> None:
    assert small_copy(scene(2000, 1500), 1).size == (16, 16)
