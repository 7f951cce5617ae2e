"""What each step of a transformation does to the picture, seen in the picture."""

from __future__ import annotations

import random

import pytest
from picture_maker import animation, cut_out, likeness, saved, scene
from PIL import Image, ImageChops, ImageOps, ImageStat
from rendering_stage import rendering

from atoll.errors import Unrenderable
from atoll.model import Face
from atoll.transformation.colors import Color
from atoll.transformation.effects import EFFECTS, FILTERS
from atoll.transformation.steps import (
    Art,
    Background,
    Border,
    Delivery,
    Effect,
    Frame,
    ImageLayer,
    Opacity,
    Overlay,
    Resize,
    Rotate,
    Share,
    TextLayer,
)
from storage_node.render_protocol import RenderLimits

RED, BLUE = Color(220, 0, 0), Color(0, 0, 220)
SCENE = saved("PNG", scene(300, 200))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("rendering")) as running:
        yield running


def plain(color, size=(100, 100)):
    return saved("PNG", Image.new("RGB", size, color))


def mean(image: Image.Image) -> list[float]:
    return ImageStat.Stat(image.convert("RGB")).mean


def test_a_fill_by_compass_and_by_point_takes_that_part(stage):
    made = stage.drawn(SCENE, Resize("fill", 100, 200, gravity="west"))
    assert likeness(made, scene(300, 200).crop((0, 0, 100, 200))) > 0.99
    made = stage.drawn(SCENE, Resize("crop", 80, 60, gravity="xy_center", x=200, y=100))
    assert likeness(made, scene(300, 200).crop((160, 70, 240, 130))) > 0.99
    made = stage.drawn(SCENE, Resize("crop", Share(0.5), Share(0.5), gravity="south_east"))
    assert likeness(made, scene(300, 200).crop((150, 100, 300, 200))) > 0.99


def test_a_pad_shows_the_whole_picture_on_its_background(stage):
    made = stage.drawn(SCENE, Resize("pad", 200, 200, gravity="north"), Background(RED))
    assert made.size == (200, 200)
    assert made.getpixel((100, 190)) == (220, 0, 0)
    assert (
        likeness(made.crop((0, 0, 200, 133)), scene(300, 200).resize((200, 133), Image.Resampling.LANCZOS))
        > 0.97
    )


@pytest.mark.parametrize("gravity", ["auto", "auto:entropy", "face"])
def test_automatic_gravity_finds_the_one_thing_in_the_picture(stage, gravity):
    image = Image.new("RGB", (400, 100), (90, 120, 90))
    image.paste(scene(60, 60), (310, 20))
    found = stage.made(saved("PNG", image), Resize("fill", 100, 100, gravity=gravity), format="png")
    background = Image.new("RGB", (100, 100), (90, 120, 90))
    assert ImageChops.difference(stage.shown(), background).getbbox(alpha_only=False) == (
        pytest.approx((20, 20, 80, 80), abs=12)
    )
    assert found.focus_missing == (gravity == "face")


@pytest.mark.parametrize("gravity", ["auto", "auto:entropy"])
def test_automatic_gravity_does_not_look_at_what_is_transparent(stage, gravity):
    image = scene(300, 100).convert("RGBA")
    image.putalpha(0)
    image.paste((200, 30, 30, 255), (230, 30, 270, 70))
    made = stage.drawn(saved("PNG", image), Resize("crop", 100, 100, gravity=gravity))
    assert made.getchannel("A").histogram()[255] == 40 * 40


def test_a_known_face_is_what_face_gravity_shows(stage):
    faces = (Face(0.05, 0.05, 0.1, 0.15), Face(0.7, 0.5, 0.2, 0.3))
    found = stage.made(SCENE, Resize("thumb", 50, 50, gravity="face"), format="png", faces=faces)
    assert not found.focus_missing
    # The larger one: 60 x 60 pixels in the middle at (240, 130), shown with air, held inside the picture.
    expected = scene(300, 200).crop((192, 82, 288, 178)).resize((50, 50), Image.Resampling.LANCZOS)
    assert likeness(stage.shown(), expected) > 0.97
    stage.made(SCENE, Resize("fill", 200, 200, gravity="faces"), format="png", faces=faces)
    assert likeness(stage.shown(), scene(300, 200).crop((42, 0, 242, 200))) > 0.9


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_an_automatic_crop_does_not_jump_between_frames(stage, form):
    frames = []
    for at in (20, 160):
        frame = Image.new("RGB", (240, 60), (40, 40, 40))
        frame.paste((240, 40, 40), (at, 10, at + 40, 50))
        frames.append(frame)
    stage.made(animation("PNG", frames), Resize("fill", 60, 60, gravity="auto"), format=form)
    made = stage.shown()
    made.seek(1)
    assert max(mean(made)) < 60  # the window stays where the first frame put it


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Rotate(90), lambda image: image.transpose(Image.Transpose.ROTATE_270)),
        (Rotate(180), lambda image: image.transpose(Image.Transpose.ROTATE_180)),
        (Rotate(270), lambda image: image.transpose(Image.Transpose.ROTATE_90)),
        (Rotate(0, mirror=True), ImageOps.mirror),
        (Rotate(180, mirror=True), ImageOps.flip),
    ],
)
def test_turns_are_clockwise_and_lose_nothing(stage, step, expected):
    assert likeness(stage.drawn(SCENE, step), expected(scene(300, 200))) == 1.0


def test_a_tilted_picture_grows_and_its_new_corners_are_transparent(stage):
    made = stage.drawn(plain("red", (200, 100)), Rotate(45))
    assert 210 <= made.width <= 214
    assert made.getpixel((2, 2))[3] == 0
    assert made.getpixel((made.width // 2, made.height // 2)) == (255, 0, 0, 255)


def test_round_corners_are_cut_and_a_border_follows_them(stage):
    made = stage.drawn(plain("blue"), Frame((30, 0, 0, 0)))
    assert made.getpixel((0, 0))[3] == 0
    assert made.getpixel((99, 0)) == made.getpixel((0, 99)) == (0, 0, 255, 255)
    made = stage.drawn(plain("blue"), Frame("max", Border(10, RED)))
    assert made.size == (120, 120)
    assert made.getpixel((2, 2))[3] == 0
    assert made.getpixel((60, 5)) == (220, 0, 0, 255)
    assert made.getpixel((60, 60)) == (0, 0, 255, 255)
    made = stage.drawn(plain("blue"), Frame(border=Border(10, RED)))
    assert made.getpixel((0, 0)) == (220, 0, 0)


def test_a_border_leaves_what_is_transparent_inside_it_transparent(stage):
    made = stage.drawn(saved("PNG", Image.new("RGBA", (50, 50))), Frame(border=Border(5, RED)))
    assert made.getpixel((30, 30))[3] == 0
    assert made.getpixel((2, 30)) == (220, 0, 0, 255)


def test_opacity_thins_and_a_background_fills(stage):
    assert abs(stage.drawn(plain("blue"), Opacity(50)).getpixel((5, 5))[3] - 127) <= 1
    red, green, blue = stage.drawn(plain("blue"), Opacity(50), Background(Color(255, 0, 0))).getpixel((5, 5))
    assert abs(red - 128) <= 2
    assert green == 0
    assert abs(blue - 127) <= 2


def level_of(name: str) -> int | None:
    levels = EFFECTS[name].levels
    if levels is None or levels.optional:
        return None
    return levels.default if levels.default is not None else 50


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("source", ["colour", "grey", "transparent"])
def test_every_effect_of_the_grammar_changes_the_picture_and_not_its_size_or_alpha(stage, name, source):
    image = {"colour": scene(300, 200), "grey": scene(300, 200).convert("L"), "transparent": cut_out()}[
        source
    ]
    faces = (Face(0.1, 0.1, 0.5, 0.6),)
    made = stage.drawn(saved("PNG", image), Effect(name, level_of(name)), faces=faces)
    assert made.size == (300, 200)
    if source == "transparent" and "blur" not in name and "pixelate" not in name:
        assert made.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    unchanged = {"grayscale", "saturation", "hue"} if source == "grey" else set()
    same = likeness(made.convert("RGB"), image.convert("RGB")) > 0.9999
    assert same == (name in unchanged)


@pytest.mark.parametrize(
    ("effect", "color", "expected"),
    [
        (Effect("negate"), (200, 100, 0), (55, 155, 255)),
        (Effect("grayscale"), (200, 100, 0), (118, 118, 118)),
        (Effect("brightness", -50), (200, 100, 0), (100, 50, 0)),
        (Effect("brightness", 100), (100, 50, 200), (200, 100, 255)),
        (Effect("contrast", -100), (200, 100, 0), (128, 128, 128)),
        (Effect("saturation", -100), (200, 100, 0), (118, 118, 118)),
        (Effect("gamma", 100), (64, 64, 64), (128, 128, 128)),
        (Effect("gamma", -50), (128, 128, 128), (64, 64, 64)),
        (Effect("hue", 100), (200, 100, 0), (0, 100, 200)),
        (Effect("sepia", 100), (100, 100, 100), (135, 120, 94)),
    ],
)
def test_adjustments_do_what_their_levels_say(stage, effect, color, expected):
    made = stage.drawn(plain(color), effect).convert("RGB").getpixel((50, 50))
    assert made == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("name", FILTERS)
def test_every_named_filter_of_the_grammar_draws(stage, name):
    made = stage.drawn(saved("PNG", cut_out(60, 40)), Art(name))
    assert made.getchannel("A").tobytes() == cut_out(60, 40).getchannel("A").tobytes()
    assert likeness(made.convert("RGB"), cut_out(60, 40).convert("RGB")) < 0.99


@pytest.mark.parametrize("name", [name for name in EFFECTS if "faces" not in name])
def test_no_effect_shows_the_colour_of_what_is_transparent(stage, name):
    alpha = Image.radial_gradient("L").resize((80, 80)).point(lambda far: max(0, min(255, 3 * (150 - far))))
    shown = []
    for hidden in ((0, 0, 0), (255, 255, 255), (0, 255, 0)):
        image = Image.new("RGB", alpha.size, hidden)
        image.paste(scene(80, 80), mask=alpha.point(lambda level: 255 if level else 0))
        image.putalpha(alpha)
        made = stage.drawn(saved("PNG", image), Effect(name, level_of(name)))
        shown.append(made.convert("RGBA").convert("RGBa"))
    for other in shown[1:]:
        assert max(high for _, high in ImageChops.difference(shown[0], other).getextrema()) <= 2


def test_a_blur_does_not_draw_the_colour_of_what_is_transparent_into_the_picture(stage):
    image = Image.new("RGBA", (80, 40), (0, 255, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 40, 40))
    red, green, _, alpha = stage.drawn(saved("PNG", image), Effect("blur", 100)).getpixel((41, 20))
    assert 60 < alpha < 200
    assert (red > 190, green < 5) == (True, True)


@pytest.mark.parametrize("effect", [Effect("blur_faces", 500), Effect("pixelate_faces")])
def test_faces_are_hidden_and_nothing_else_and_never_silently_left(stage, effect):
    made = stage.drawn(SCENE, effect, faces=(Face(0.0, 0.0, 0.3, 0.4),))
    before = scene(300, 200)
    assert likeness(made.crop((150, 0, 300, 200)), before.crop((150, 0, 300, 200))) == 1.0
    assert likeness(made.crop((0, 0, 90, 80)), before.crop((0, 0, 90, 80))) < 0.6
    assert likeness(stage.drawn(SCENE, effect, faces=()), before) == 1.0
    with pytest.raises(Unrenderable) as caught:
        stage.made(SCENE, effect)
    assert caught.value.facts["reason"] == "faces_unknown"


def test_faces_stay_hidden_after_the_picture_was_cropped_and_turned(stage):
    # The face is the red square; after crop and turn only blue may be sharp.
    image = Image.new("RGB", (300, 200), (0, 0, 220))
    image.paste(scene(60, 60), (200, 100))
    steps = Resize("crop", 200, 150, gravity="south_east"), Rotate(90), Effect("pixelate_faces")
    made = stage.drawn(saved("PNG", image), *steps, faces=(Face(200 / 300, 0.5, 0.2, 0.3),))
    expected = image.crop((100, 50, 300, 200)).transpose(Image.Transpose.ROTATE_270)
    box = (150 - 50 - 60, 100, 150 - 50, 160)
    assert likeness(made.crop(box), expected.crop(box)) < 0.6
    assert mean(made.crop((0, 0, 150, 80))) == [0, 0, 220]


@pytest.mark.parametrize("effect", [Effect("blur_faces", 500), Effect("pixelate_faces")])
def test_faces_are_not_taken_for_hidden_in_frames_that_nobody_looked_at(stage, effect):
    data, faces = animation("GIF"), (Face(0.0, 0.0, 0.3, 0.4),)
    for page, form in ((None, "gif"), (None, "webp"), (2, "png")):
        with pytest.raises(Unrenderable) as caught:
            stage.made(data, effect, page=page, format=form, faces=faces)
        assert caught.value.facts["reason"] == "faces_unknown"
    for page in (None, 1):
        made = stage.drawn(data, effect, page=page, faces=faces)
        assert likeness(made.crop((0, 0, 36, 32)), stage.drawn(data, page=page).crop((0, 0, 36, 32))) < 0.8


def test_a_face_of_the_first_page_is_not_looked_for_on_another(stage):
    step = Resize("thumb", 30, 30, gravity="face")
    for page, missing in ((None, False), (1, False), (2, True)):
        made = stage.made(animation("GIF"), step, page=page, format="png", faces=(Face(0.0, 0.0, 0.2, 0.2),))
        assert made.focus_missing is missing


@pytest.mark.parametrize("degrees", [-20.0, 45.0, 110.0, 170.0])
@pytest.mark.parametrize("mirror", [False, True])
def test_faces_stay_hidden_after_the_picture_was_tilted(stage, degrees, mirror):
    image = Image.new("RGB", (300, 200), (0, 0, 220))
    image.paste(scene(60, 60), (220, 10))
    turn, face = Rotate(degrees % 360, mirror=mirror), Face(220 / 300, 10 / 200, 60 / 300, 60 / 200)
    shown = stage.drawn(saved("PNG", image), turn)
    made = stage.drawn(saved("PNG", image), turn, Effect("pixelate_faces"), faces=(face,))
    marks = Image.new("L", image.size)
    marks.paste(255, (228, 18, 272, 62))  # without what is blurred with the blue around it
    box = stage.drawn(saved("PNG", marks), turn).convert("RGBa").getchannel("R").getbbox()
    assert likeness(made.crop(box), shown.crop(box)) < 0.6


def test_the_slanting_edges_of_a_tilted_picture_are_smooth(stage):
    made = stage.drawn(plain("red", (100, 60)), Rotate(10))
    steps = [made.getpixel((made.width // 2 + across, down))[3] for across in range(12) for down in range(30)]
    assert sum(20 < alpha < 235 for alpha in steps) >= 6  # on stairs there would be none
    assert made.getpixel((made.width // 2, made.height // 2)) == (255, 0, 0, 255)


def test_a_tilted_picture_is_refused_only_when_it_is_larger_than_allowed(tmp_path_factory):
    limits = RenderLimits(max_side=220)
    with rendering(tmp_path_factory.mktemp("small"), limits) as small:
        assert small.drawn(plain("red", (200, 200)), Rotate(3)).size == (211, 211)
        with pytest.raises(Unrenderable) as caught:
            small.made(plain("red", (200, 200)), Rotate(20))
        assert caught.value.facts == {
            "reason": "result_too_large",
            "max_side": 220,
            "width": 257,
            "height": 257,
        }


def test_a_layer_lies_where_it_is_put_and_is_cut_off_at_the_edge(stage):
    layers = {"logo": plain((220, 0, 0), (20, 10))}
    step = Overlay(ImageLayer("logo"), gravity="south_east", x=5, y=7)
    made = stage.drawn(plain("blue"), step, layers=layers)
    assert made.getpixel((94, 92)) == made.getpixel((75, 83)) == (220, 0, 0)
    assert made.getpixel((95, 92)) == made.getpixel((74, 83)) == (0, 0, 255)
    made = stage.drawn(plain("blue"), Overlay(ImageLayer("logo"), gravity="east", x=-15), layers=layers)
    assert made.size == (100, 100)
    assert made.getpixel((99, 50)) == (220, 0, 0)
    assert stage.drawn(plain("blue"), Overlay(ImageLayer("logo"), x=900), layers=layers).getpixel((9, 9)) == (
        0,
        0,
        255,
    )


def test_a_layer_has_steps_of_its_own_relative_to_the_picture_and_an_opacity(stage):
    step = Overlay(
        ImageLayer("logo"),
        (Resize(width=Share(0.5), relative=True), Frame("max")),
        gravity="center",
        opacity=50,
    )
    made = stage.drawn(plain("blue"), step, layers={"logo": plain((255, 0, 0), (400, 400))})
    assert made.getpixel((26, 26)) == (0, 0, 255)
    assert made.getpixel((50, 50)) == pytest.approx((127, 0, 128), abs=2)
    assert made.getpixel((27, 50)) != (0, 0, 255)


def test_a_tiled_layer_covers_the_picture_from_its_own_place(stage):
    tile = Image.new("RGB", (7, 5), (0, 0, 220))
    tile.putpixel((0, 0), (220, 0, 0))
    step = Overlay(ImageLayer("tile"), gravity="north_west", x=3, y=2, tiled=True)
    made = stage.drawn(plain("white", (50, 40)), step, layers={"tile": saved("PNG", tile)})
    for x in range(50):
        for y in range(40):
            red = (x - 3) % 7 == 0 and (y - 2) % 5 == 0
            assert made.getpixel((x, y)) == ((220, 0, 0) if red else (0, 0, 220))


def text(words: str, size: int = 20, **options) -> Overlay:
    return Overlay(TextLayer(words, "arial", size, color=RED, **options), gravity="center")


def ink(image: Image.Image) -> int:
    """Pixels that are not white."""
    return sum(image.convert("L").point(lambda value: value < 250).histogram()[1:])


def test_text_is_drawn_in_its_colour_larger_bolder_slanted_and_in_lines(stage):
    page = plain("white", (400, 200))
    small, large = stage.drawn(page, text("Atoll")), stage.drawn(page, text("Atoll", 60))
    assert 0 < ink(small) < ink(large)
    assert ink(stage.drawn(page, text("Atoll", bold=True))) > ink(small)
    assert stage.drawn(page, text("Atoll", italic=True)).tobytes() != small.tobytes()
    assert ink(stage.drawn(page, text("Atoll\nAtoll"))) > 1.8 * ink(small)
    assert ImageStat.Stat(large).extrema[0][1] == 255
    assert mean(large)[0] > mean(large)[2]


@pytest.mark.parametrize(
    "words",
    [
        "<b>bold</b> &amp; <script>", "مرحبا بالعالم", "שלום", "日本語", "🏝️👩‍👩‍👧",
        "a\u202eb\u202c", "x\n\n\ny",
        "{0} %s \\ // ../../etc/passwd", "\u0301\u0301\u0301", "W" * 200, " ",
    ],
)  # fmt: skip
def test_any_text_is_only_text(stage, words):
    assert stage.drawn(plain("white", (300, 100)), text(words, 16)).size == (300, 100)


def test_markup_is_shown_and_not_obeyed(stage):
    page = plain("white", (400, 100))
    assert ink(stage.drawn(page, text("<b>word</b>"))) > 1.5 * ink(stage.drawn(page, text("word")))


def test_a_text_too_large_to_draw_is_refused_before_it_is_drawn(stage):
    with pytest.raises(Unrenderable):
        stage.made(SCENE, text("W" * 10_000, 500))


def test_a_layer_that_is_not_there_or_too_large_is_refused(stage, tmp_path_factory):
    with pytest.raises(Unrenderable) as caught:
        stage.made(SCENE, Overlay(ImageLayer("nobody")))
    assert caught.value.facts["reason"] == "layer_missing"
    with rendering(tmp_path_factory.mktemp("small"), RenderLimits(max_side=250)) as small:
        with pytest.raises(Unrenderable) as caught:
            small.made(plain("blue"), Overlay(ImageLayer("big")), layers={"big": SCENE})
        assert caught.value.facts["reason"] == "layer_too_large"


def test_steps_happen_in_their_order(stage):
    layers = {"logo": plain((220, 0, 0), (30, 30))}
    over = Overlay(ImageLayer("logo"), gravity="north_west")
    first = stage.drawn(plain("blue"), over, Resize("scale", 50), layers=layers)
    then = stage.drawn(plain("blue"), Resize("scale", 50), over, layers=layers)
    assert first.getpixel((20, 20)) == (0, 0, 255)
    assert then.getpixel((20, 20)) == (220, 0, 0)


@pytest.mark.parametrize("form", ["jpg", "webp", "avif"])
def test_automatic_quality_spends_more_on_detail_and_on_better_levels(stage, form):
    fine = Image.effect_mandelbrot((400, 300), (-1.5, -1.0, 0.5, 1.0), 100)
    source = saved("PNG", Image.merge("RGB", (fine, *scene(400, 300).split()[1:])))
    sizes = {}
    for level in ("auto:low", "auto:eco", "auto", "auto:best"):
        delivery = Delivery(quality=level)
        sizes[level] = stage.made(source, format=form, delivery=delivery).size_bytes
    assert list(sizes.values()) == sorted(sizes.values())
    assert sizes["auto:low"] < sizes["auto:best"]


@pytest.mark.parametrize("quality", [80, 90, 94, 95, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_noisiest_picture_is_written_in_any_quality(stage, quality, progressive):
    black_or_white = bytes(255 * (level > 127) for level in random.Random(1).randbytes(300 * 300 * 3))
    noise = saved("PNG", Image.frombytes("RGB", (300, 300), black_or_white))
    made = stage.made(noise, format="jpg", delivery=Delivery(quality=quality, progressive=progressive))
    assert (made.width, made.height) == stage.shown().size == (300, 300)
    stage.shown().load()


def test_quality_progressive_and_lossy_do_what_they_say(stage):
    sizes = [
        stage.made(SCENE, format="jpg", delivery=Delivery(quality=quality)).size_bytes
        for quality in (10, 50, 95)
    ]
    assert sizes == sorted(sizes)
    stage.made(SCENE, format="jpg", delivery=Delivery(progressive=True))
    assert stage.shown().info["progressive"]
    stage.made(SCENE, format="png", delivery=Delivery(lossy=True))
    assert stage.shown().mode == "P"
    stage.made(saved("PNG", cut_out()), format="png", delivery=Delivery(lossy=True))
    assert stage.shown().convert("RGBA").getpixel((0, 0))[3] < 20
