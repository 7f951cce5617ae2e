"""How a PNG is packed: fast where nothing comes again, small where something does."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import atoll.local
from atoll.transformation.steps import Delivery
from storage_node.rendering.encode import PNG_LEVEL, Carried, encode

PHOTOGRAPHS = sorted((Path(atoll.local.__file__).parent / "pictures").glob("*.jpg"))


def png(image):
    file = io.BytesIO()
    encode(image, file, "png", Delivery(), Carried())
    return file.getvalue()


def packed(image, search):
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=PNG_LEVEL, compress_type=search)
    return file.getvalue()


def photograph(path):
    with Image.open(path) as image:
        return image.convert("RGB")


def page():
    """Black on white, the same words again and again."""
    made = Image.new("RGB", (600, 400), "white")
    for top in range(10, 390, 15):
        ImageDraw.Draw(made).text(
            (10, top), "the quick brown fox jumps over the lazy dog " * 2, fill=(9, 9, 9)
        )
    return made


def pattern():
    tile, made = Image.effect_noise((40, 40), 80).convert("RGB"), Image.new("RGB", (600, 400))
    for left in range(0, 600, 40):
        for top in range(0, 400, 40):
            made.paste(tile, (left, top))
    return made


def colours_to_transparent():
    image = photograph(PHOTOGRAPHS[0])
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


@pytest.mark.parametrize("path", PHOTOGRAPHS, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [400, 120])
def test_in_a_photograph_no_repetitions_are_looked_for_and_it_is_hardly_larger(path, width):
    image = photograph(path)
    image = image.resize((width, image.height * width // image.width))
    data = png(image)
    assert data == packed(image, zlib.Z_RLE)
    assert len(data) <= 1.03 * len(packed(image, zlib.Z_FILTERED))


@pytest.mark.parametrize(
    "drawn", [page, pattern, lambda: page().convert("L"), lambda: Image.new("RGB", (1, 1))]
)
def test_what_comes_again_in_a_drawing_is_found(drawn):
    image = drawn()
    assert png(image) == packed(image, zlib.Z_FILTERED)


@pytest.mark.parametrize("drawn", [page, pattern, colours_to_transparent])
def test_either_way_every_pixel_is_kept(drawn):
    image = drawn()
    with Image.open(io.BytesIO(png(image))) as read:
        assert read.mode == image.mode
        assert read.tobytes() == image.tobytes()


def test_a_pattern_would_be_many_times_larger_without_looking():
    image = pattern()
    assert 5 * len(png(image)) < len(packed(image, zlib.Z_RLE))
