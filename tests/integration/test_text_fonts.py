"""What texts are drawn in: the family that comes along, the operator's own, and nothing that is neither."""

from __future__ import annotations

import io
import logging
import os
import shutil
from pathlib import Path

import pytest
from picture_maker import likeness, saved
from PIL import Image, ImageChops, ImageDraw, ImageFont
from rendering_stage import Stage

from atoll.errors import Unrenderable
from atoll.transformation.escapes import escaped
from atoll.transformation.parser import parse
from storage_node.font_folder import MAX_FILES, read_fonts
from storage_node.renderer import Renderer
from storage_node.text_fonts import OPEN_SANS, Fonts, package_families
from storage_node.worker_pool import PoolLimits

SIZE = (1000, 200)
PAGE = saved("PNG", Image.new("RGB", SIZE, "white"))
FILE = package_families()[OPEN_SANS].regular.path
ITALIC = package_families()[OPEN_SANS].italic.path
BOX = "\U000f1234"  # a private letter that no font has


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An operator's: two families of one file, one of two, and what a folder collects."""
    made = tmp_path_factory.mktemp("fonts")
    shutil.copy(FILE, made / "House-Sans.ttf")
    still(made / "plain.ttf", FILE)
    still(made / "Pair-Regular.TTF", FILE)
    still(made / "pair-Bold.ttf", ITALIC)  # told from the other by its looks
    whole = Path(FILE).read_bytes()
    (made / "cut.ttf").write_bytes(whole[: len(whole) // 3])
    (made / "noise.otf").write_bytes(os.urandom(50_000))
    (made / "headed.ttf").write_bytes(whole[:12] + os.urandom(50_000))
    (made / "empty.ttf").write_bytes(b"")
    (made / "page.ttf").write_text("<html>")
    (made / "README.txt").write_text("no font")
    (made / "folder.ttf").mkdir()
    (made / "gone.ttf").symlink_to(made / "nowhere")
    os.mkfifo(made / "pipe.ttf")
    return made


def still(target: Path, source: str) -> None:
    """A font of one weight, as far as anybody can see: the name of its weight axis is spoilt."""
    names = ("Weight".encode("utf-16-be"), "Burden".encode("utf-16-be"))
    target.write_bytes(Path(source).read_bytes().replace(*names))


@pytest.fixture(scope="module")
def stage(tmp_path_factory, folder):
    where = tmp_path_factory.mktemp("rendering")
    staging = where / "incoming"
    staging.mkdir()
    fonts = Fonts({**package_families(), **read_fonts(folder)})
    with Renderer(staging, PoolLimits(workers=1), fonts=fonts) as renderer:
        yield Stage(renderer, where)


def drawn(stage: Stage, style: str, words: str) -> Image.Image:
    return stage.drawn(PAGE, *parse(f"l_text:{style}:{escaped(words)}/fl_layer_apply,g_center").steps)


def ink(image: Image.Image) -> int:
    return sum(255 - value for value in image.convert("L").get_flattened_data())


def golden(words: str, weight: int = 400, file: str = FILE) -> Image.Image:
    """The same by the plain way, four times as large."""
    font = ImageFont.truetype(io.BytesIO(Path(file).read_bytes()), 160)
    font.set_variation_by_axes(
        [weight if axis["name"] == b"Weight" else 100 for axis in font.get_variation_axes()]
    )
    large = Image.new("L", (SIZE[0] * 4, SIZE[1] * 4), 255)
    left, top, _, _ = font.getbbox(words)
    ImageDraw.Draw(large).text((-left + 8, -top + 8), words, 0, font)
    return large.convert("RGB")


def inked(image: Image.Image) -> Image.Image:
    """What is written alone, always in the same size."""
    box = image.convert("L").point(lambda value: value < 128 and 255).getbbox()
    return image.crop(box).resize((320, 64), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("words", ["Grüße, Łódź, ñ", "Ελληνικά", "Привет, мир", "Tiếng Việt", "שלום"])
@pytest.mark.parametrize(
    ("style", "weight", "file"),
    [("", 400, FILE), ("_bold", 700, FILE), ("_italic", 400, ITALIC), ("_bold_italic", 700, ITALIC)],
)
def test_letters_of_many_scripts_are_drawn_as_the_font_has_them(stage, words, style, weight, file):
    made = inked(drawn(stage, f"sans_100{style}", words))
    assert likeness(made, inked(golden(words, weight, file))) > 0.5
    assert likeness(made, inked(golden(words, 1100 - weight, file))) < 0.1


def test_a_letter_is_not_the_box_for_those_that_are_missing(stage):
    box = drawn(stage, "sans_40", BOX)
    assert ink(box) > 0
    for letter in "üЯΩשđ":
        assert ImageChops.difference(drawn(stage, "sans_40", letter), box).getbbox()


def test_words_in_a_script_that_the_font_lacks_do_not_vanish(stage):
    for words in ("日本語", "مرحبا", "\U0001f600"):
        assert ink(drawn(stage, "sans_40", words)) > ink(drawn(stage, "sans_40", "."))


def test_bold_and_italic_are_other_letters_than_regular_ones(stage):
    regular, bold = drawn(stage, "sans_40", "Atoll"), drawn(stage, "sans_40_bold", "Atoll")
    assert ink(bold) > 1.2 * ink(regular)
    assert drawn(stage, "sans_40_italic", "Atoll").tobytes() != regular.tobytes()


@pytest.mark.parametrize("name", ["open sans", "open-sans", "Sans", "sans-serif", "Arial", "helvetica"])
def test_common_names_of_a_plain_family_mean_the_one_that_is_there(stage, name):
    assert drawn(stage, f"{name}_40", "Atoll").tobytes() == drawn(stage, "sans_40", "Atoll").tobytes()


def test_a_family_that_is_not_there_is_refused_with_those_that_are(stage):
    with pytest.raises(Unrenderable) as caught:
        drawn(stage, "comic neue_40", "Atoll")
    assert caught.value.status == 422
    assert caught.value.facts["reason"] == "font_missing"
    assert caught.value.facts["font"] == "comic neue"
    assert caught.value.facts["fonts"] == ["house sans", OPEN_SANS, "pair", "plain"]


def test_the_operators_families_are_used_by_their_files_names(stage):
    assert (
        drawn(stage, "house sans_40_bold", "Grüße").tobytes()
        == drawn(stage, "sans_40_bold", "Grüße").tobytes()
    )
    assert drawn(stage, "pair_40", "Atoll").tobytes() == drawn(stage, "sans_40", "Atoll").tobytes()
    assert (
        drawn(stage, "pair_40_bold", "Atoll").tobytes() == drawn(stage, "sans_40_italic", "Atoll").tobytes()
    )


def test_a_style_that_a_family_has_no_file_for_is_not_made_up(stage):
    assert (
        drawn(stage, "plain_40_bold_italic", "Atoll").tobytes() == drawn(stage, "plain_40", "Atoll").tobytes()
    )


def test_a_font_that_vanishes_is_refused_and_not_looked_for_elsewhere(stage, folder):
    (folder / "plain.ttf").rename(folder / "away")
    try:
        with pytest.raises(Unrenderable) as caught:
            drawn(stage, "plain_40", "Atoll")
    finally:
        (folder / "away").rename(folder / "plain.ttf")
    assert caught.value.facts["reason"] == "font_missing"


def test_files_that_are_no_fonts_are_left_out_and_told_in_the_log(folder, caplog):
    with caplog.at_level(logging.WARNING, "storage_node.font_folder"):
        assert set(read_fonts(folder)) == {"house sans", "plain", "pair"}
    for name in ("cut", "noise", "headed", "empty", "page", "README", "folder", "gone", "pipe"):
        assert name in caplog.text


def test_a_font_that_a_worker_does_not_come_back_from_is_left_out_and_the_node_starts(
    tmp_path, caplog, monkeypatch
):
    shutil.copy(FILE, tmp_path / "endless.ttf")
    monkeypatch.setattr("storage_node.font_folder._TRIAL_SECONDS", 0.0)
    with caplog.at_level(logging.WARNING, "storage_node.font_folder"):
        assert read_fonts(tmp_path) == {}
    assert "endless.ttf" in caplog.text


def test_a_folder_with_too_many_files_is_read_up_to_the_bound(tmp_path, caplog):
    for number in range(MAX_FILES + 3):
        (tmp_path / f"a{number:03}.ttf").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "storage_node.font_folder"):
        assert read_fonts(tmp_path) == {}
    assert caplog.text.count("at most") == 3
