"""Whatever a file's way of keeping pixels, the derivative shows the same picture, upright and in sRGB."""

from __future__ import annotations

import io
import struct

import pytest
from picture_maker import animation, cut_out, heic, likeness, saved, scene
from PIL import Image, ImageChops, ImageCms, ImageDraw
from rendering_stage import Stage, rendering

from atoll.errors import Unrenderable
from atoll.transformation.colors import Color
from atoll.transformation.steps import Background, Delivery, Resize, Rotate
from storage_node.render_protocol import RenderLimits

HALF = Resize("scale", 300, 200)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("rendering")) as running:
        yield running


def golden(image: Image.Image | None = None) -> Image.Image:
    """The same size by the plain way: everything decoded, then Lanczos."""
    return (image if image is not None else scene()).resize((300, 200), Image.Resampling.LANCZOS)


def sixteen_bit(image: Image.Image) -> Image.Image:
    wide = image.convert("I").point(lambda value: value * 257)
    return wide.convert("I;16")


GREY = scene().convert("L")
LAB_SPACE, SRGB = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
LAB = ImageCms.profileToProfile(scene(), SRGB, LAB_SPACE, outputMode="LAB")
STILLS = {
    "jpeg": (lambda: saved("JPEG", quality=92), scene()),
    "jpeg progressive": (lambda: saved("JPEG", quality=92, progressive=True), scene()),
    "jpeg 4:4:4": (lambda: saved("JPEG", quality=92, subsampling=0), scene()),
    "jpeg grey": (lambda: saved("JPEG", GREY, quality=92), GREY),
    "jpeg cmyk": (lambda: saved("JPEG", scene().convert("CMYK"), quality=92), scene()),
    "png": (lambda: saved("PNG"), scene()),
    "png grey": (lambda: saved("PNG", GREY), GREY),
    "png 16 bit grey": (lambda: saved("PNG", sixteen_bit(GREY)), GREY),
    "png palette": (lambda: saved("PNG", scene().quantize(256)), scene().quantize(256).convert("RGB")),
    "png bitmap": (lambda: saved("PNG", GREY.convert("1")), GREY.convert("1").convert("L")),
    "webp lossy": (lambda: saved("WEBP", quality=92), scene()),
    "webp lossless": (lambda: saved("WEBP", lossless=True), scene()),
    "gif": (lambda: saved("GIF", scene().quantize(256)), scene().quantize(256).convert("RGB")),
    "avif": (lambda: saved("AVIF", quality=90, speed=9), scene()),
    "heic": (lambda: heic(scene()), scene()),
    "tiff": (lambda: saved("TIFF"), scene()),
    "bmp": (lambda: saved("BMP"), scene()),
    "bmp palette": (lambda: saved("BMP", scene().quantize(256)), scene().quantize(256).convert("RGB")),
    "tiff lzw": (lambda: saved("TIFF", compression="tiff_lzw"), scene()),
    "tiff cmyk": (lambda: saved("TIFF", scene().convert("CMYK")), scene()),
    "tiff 16 bit grey": (lambda: saved("TIFF", sixteen_bit(GREY)), GREY),
    "tiff float": (lambda: saved("TIFF", GREY.convert("F").point(lambda value: value / 255 + 0)), GREY),
    "tiff lab": (
        lambda: saved("TIFF", LAB),
        ImageCms.profileToProfile(LAB, LAB_SPACE, SRGB, outputMode="RGB"),
    ),
}


@pytest.mark.parametrize("name", STILLS)
def test_every_way_of_keeping_a_picture_shows_the_same_picture(stage, name):
    make, picture = STILLS[name]
    assert likeness(stage.drawn(make(), HALF), golden(picture)) > 0.92


@pytest.mark.parametrize("decoder", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_transparency_stays_and_does_not_bleed(stage, decoder):
    options = {"lossless": True} if decoder == "WEBP" else {}
    made = stage.drawn(saved(decoder, cut_out(600, 400), **options), HALF)
    assert made.mode == "RGBA"
    expected = golden(cut_out(600, 400))
    on_grey = [
        Image.alpha_composite(Image.new("RGBA", (300, 200), "#808080"), one) for one in (made, expected)
    ]
    assert likeness(*(one.convert("RGB") for one in on_grey)) > 0.95


def test_a_transparent_colour_of_a_palette_is_transparent(stage):
    image = Image.new("P", (40, 20), 1)
    image.putpalette([0, 0, 0, 200, 30, 30])
    image.paste(0, (0, 0, 20, 20))
    made = stage.drawn(saved("PNG", image, transparency=0))
    assert made.getpixel((5, 5))[3] == 0
    assert made.getpixel((30, 5)) == (200, 30, 30, 255)


def test_jpeg_shows_transparency_on_white_or_on_the_colour_asked_for(stage):
    source = saved("PNG", Image.new("RGBA", (64, 64), (0, 0, 0, 0)))
    assert min(stage.drawn(source, format="jpg").getpixel((9, 9))) > 250
    red, green, blue = stage.drawn(source, Background(Color(200, 0, 0)), format="jpg").getpixel((9, 9))
    assert abs(red - 200) < 4
    assert max(green, blue) < 8


@pytest.mark.parametrize("decoder", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_upright_however_it_was_held(stage, decoder, orientation):
    turned = {
        1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4,
    }[orientation]  # fmt: skip
    image = scene(300, 200)
    stored = image if turned is None else image.transpose(Image.Transpose(turned))
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = stage.drawn(saved(decoder, stored, exif=exif, quality=92), Resize("scale", 150))
    assert likeness(made, image.resize((150, 100), Image.Resampling.LANCZOS)) > 0.9


def stripes(width: int, height: int) -> Image.Image:
    """Eight pixels dark, eight light, both ways: what is some pixels off is where it should not be."""
    across = Image.frombytes("L", (width, 1), bytes(200 * (x // 8 % 2) for x in range(width)))
    down = Image.frombytes("L", (1, height), bytes(55 * (y // 8 % 2) for y in range(height)))
    return ImageChops.add(across.resize((width, height)), down.resize((width, height)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("steps", [(), (Rotate(mirror=True),), (Rotate(90),), (Rotate(180),), (Rotate(270),)])
def test_sides_that_are_no_multiple_of_a_block_shift_nothing(stage, orientation, steps):
    """Of 451 x 299 pixels the decoder makes 170 x 113, and not all of the last ones are the picture's."""
    stored = stripes(451, 299)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved("JPEG", stored, exif=exif, quality=95)
    whole = stage.drawn(saved("PNG", stored, exif=exif), *steps, Resize("fit", 153, 153), format="png")
    made = stage.drawn(data, *steps, Resize("fit", 153, 153), format="png")
    assert made.size == whole.size
    assert likeness(made, whole) > 0.88  # 0.1 when the last ones are taken for the picture's


def test_jpeg_is_decoded_at_a_reduced_scale_and_the_crop_is_where_it_should_be(stage):
    image = scene(2400, 1600)
    made = stage.drawn(saved("JPEG", image, quality=92), Resize("fill", 100, 100, gravity="north_east"))
    expected = image.crop((800, 0, 2400, 1600)).resize((100, 100), Image.Resampling.LANCZOS)
    assert likeness(made, expected) > 0.93
    made = stage.drawn(
        saved("JPEG", image, quality=92),
        Resize("crop", 1000, 800, gravity="north_west", x=1200, y=40),
        Resize("scale", 125),
    )
    expected = image.crop((1200, 40, 2200, 840)).resize((125, 100), Image.Resampling.LANCZOS)
    assert likeness(made, expected) > 0.93


def linear_profile() -> bytes:
    """An RGB profile whose curves are straight: its numbers stand for more light than sRGB's."""
    base = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = bytearray(base)
    count = struct.unpack_from(">I", data, 128)[0]
    for tag in range(count):
        name, offset, _ = struct.unpack_from(">4sII", data, 132 + 12 * tag)
        if name in {b"rTRC", b"gTRC", b"bTRC"}:
            curve = struct.pack(">4sIHHI", b"para", 0, 0, 0, 1 << 16)
            data[offset : offset + len(curve)] = curve
        if name == b"desc":
            data[offset : offset + 8] = b"junk\0\0\0\0"  # no name: it is not taken for sRGB
    return bytes(data)


def test_an_icc_profile_is_applied_and_not_only_passed_on(stage):
    source = saved("PNG", Image.new("RGB", (32, 32), (55, 55, 55)), icc_profile=linear_profile())
    # 55/255 of linear light is 0.216, which sRGB writes as about 0.502.
    assert all(abs(value - 128) <= 3 for value in stage.drawn(source).getpixel((9, 9))[:3])


def test_the_source_keeps_its_profile_when_asked_and_else_the_file_says_srgb_or_nothing(stage):
    profile = linear_profile()
    source = saved("PNG", Image.new("RGB", (32, 32), (55, 55, 55)), icc_profile=profile)
    kept = stage.drawn(source, delivery=Delivery(profile="keep"))
    assert kept.info["icc_profile"] == profile
    assert kept.getpixel((9, 9)) == (55, 55, 55)
    said = stage.drawn(source).info["icc_profile"]
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(said))).startswith("sRGB")
    assert "icc_profile" not in stage.drawn(source, delivery=Delivery(profile="strip")).info
    assert "icc_profile" not in stage.drawn(saved("PNG")).info


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "avif"])
def test_no_metadata_goes_along_but_rights_when_asked(stage, form):
    exif = Image.Exif()
    exif[0x8298], exif[0x013B], exif[0x010F] = "© Anna".encode(), "Anna", "Camera"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    source = saved("JPEG", exif=exif, comment=b"secret comment", dpi=(300, 300), xmp=b"<x>secret</x>")
    stage.made(source, HALF, format=form)
    data = stage.output.read_bytes()
    assert not stage.shown().getexif()
    assert all(word not in data for word in (b"secret", b"Camera", b"Anna", b"Exif"))
    stage.made(source, HALF, format=form, delivery=Delivery(keep_iptc=True))
    carried = stage.shown().getexif()
    assert dict(carried) == {0x8298: "© Anna".encode().decode("latin-1"), 0x013B: "Anna"}
    assert dict(carried.get_ifd(0x8825)) == {}


def test_rights_that_only_iptc_tells_are_kept_as_well(stage):
    def record(number: int, value: bytes) -> bytes:
        return b"\x1c\x02" + bytes([number]) + len(value).to_bytes(2, "big") + value

    iptc = record(80, b"Bo") + record(116, b"(c) Bo")
    block = b"8BIM\x04\x04\0\0" + len(iptc).to_bytes(4, "big") + iptc + b"\0" * (len(iptc) % 2)
    body = b"Photoshop 3.0\0" + block
    plain = saved("JPEG")
    source = plain[:2] + b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
    stage.made(source, HALF, format="jpg", delivery=Delivery(keep_iptc=True))
    assert dict(stage.shown().getexif()) == {0x8298: "(c) Bo", 0x013B: "Bo"}


PALETTE = 0.72  # what 256 dithered colours leave of a likeness


def cut_square(image: Image.Image) -> Image.Image:
    return image.crop((20, 0, 100, 80)).resize((60, 60), Image.Resampling.LANCZOS)


MOVING = {"gif": "GIF", "webp": "WEBP", "avif": "AVIF", "png": "PNG"}


@pytest.mark.parametrize("source", MOVING)
@pytest.mark.parametrize("form", ["gif", "webp", "avif"])
def test_an_animation_keeps_moving_where_the_format_can(stage, source, form):
    data = animation(MOVING[source], **({"lossless": True} if source == "webp" else {}))
    found = stage.made(data, Resize("fill", 60, 60), format=form)
    assert (found.frames, found.width, found.height) == (4, 60, 60)
    made = stage.shown()
    assert made.n_frames == 4
    for frame in range(4):
        made.seek(frame)
        image = made.convert("RGB")
        alike = [likeness(image, cut_square(scene(120, 80, other))) for other in range(4)]
        assert alike[frame] == max(alike) > PALETTE, frame


@pytest.mark.parametrize(("source", "form"), [("gif", "webp"), ("webp", "gif"), ("gif", "gif")])
def test_an_animations_frames_are_shown_for_as_long_as_before_and_for_ever(stage, source, form):
    stage.made(animation(MOVING[source]), Resize("scale", 60), format=form)
    made = stage.shown()
    shown = []
    for frame in range(4):
        made.seek(frame)
        made.load()
        shown.append(made.info["duration"])
    assert shown == [50, 60, 70, 80]
    assert made.info.get("loop") == 0


def test_an_animation_without_a_loop_is_shown_once(stage):
    data = animation("GIF", loop=None)
    stage.made(data, format="gif")
    assert "loop" not in stage.shown().info


# GIF counts repetitions, the others how often all is shown; None: it says nothing, and is shown once.
@pytest.mark.parametrize(
    ("source", "loop", "form", "expected"),
    [
        ("GIF", None, "webp", 1), ("GIF", 2, "webp", 3), ("GIF", 2, "gif", 2),
        ("GIF", 65_535, "webp", 65_535),
        ("WEBP", 1, "gif", None), ("WEBP", 3, "gif", 2), ("WEBP", 3, "webp", 3), ("PNG", 1, "webp", 1),
    ],
)  # fmt: skip
def test_an_animation_is_shown_as_often_as_before(stage, source, loop, form, expected):
    stage.made(animation(source, loop=loop), format=form)
    assert stage.shown().info.get("loop") == expected


@pytest.mark.parametrize("decoder", ["GIF", "WEBP", "PNG"])
def test_frames_with_transparency_do_not_show_through_each_other(stage, decoder):
    frames = []
    for at in (0, 40):
        frame = Image.new("RGBA", (80, 40), (0, 0, 0, 0))
        ImageDraw.Draw(frame).ellipse((at, 0, at + 39, 39), fill=(220, 30, 30, 255))
        frames.append(frame)
    options = {"disposal": 2} if decoder == "GIF" else {"disposal": 1} if decoder == "PNG" else {}
    stage.made(animation(decoder, frames, **options), format="gif")
    made = stage.shown()
    made.seek(1)
    image = made.convert("RGBA")
    assert image.getpixel((20, 20))[3] == 0
    assert image.getpixel((60, 20))[3] == 255


def soft_disc(hidden: tuple[int, int, int]) -> Image.Image:
    """Red on nothing, with soft edges; `hidden` is the colour of what is wholly clear."""
    alpha = Image.new("L", (400, 400))
    ImageDraw.Draw(alpha).ellipse((20, 20, 379, 379), fill=255)
    alpha = alpha.resize((100, 100), Image.Resampling.LANCZOS)
    disc = Image.new("RGB", (100, 100), hidden)
    disc.paste((220, 20, 20), mask=alpha.point(lambda level: 255 if level else 0))
    disc.putalpha(alpha)
    return disc


@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 255, 255), (0, 255, 0)])
@pytest.mark.parametrize("frames", [1, 2])
def test_what_is_clear_stays_clear_in_a_gif_and_edges_have_no_fringe(stage, hidden, frames):
    disc = soft_disc(hidden)
    turned = disc.transpose(Image.Transpose.ROTATE_90)
    data = saved("PNG", disc) if frames == 1 else animation("WEBP", [disc, turned], lossless=True, exact=True)
    stage.made(data, Resize("scale", 60), format="gif")
    image = stage.shown().convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0
    for count, (red, green, blue, alpha) in image.getcolors(60 * 60):
        assert alpha == 0 or (red > 180 and green < 60 and blue < 60), (count, red, green, blue)


@pytest.mark.parametrize("form", ["jpg", "png"])
def test_a_format_that_does_not_move_shows_the_first_frame(stage, form):
    found = stage.made(animation("GIF"), format=form)
    assert found.frames == 1
    assert likeness(stage.shown(), scene(120, 80)) > PALETTE


def test_a_page_can_be_chosen_and_one_that_is_not_there_is_refused(stage):
    for decoder in ("GIF", "WEBP", "TIFF"):
        made = stage.drawn(animation(decoder), page=3)
        assert likeness(made, scene(120, 80, 2)) > PALETTE
        with pytest.raises(Unrenderable) as caught:
            stage.made(animation(decoder), page=9)
        assert caught.value.facts == {"reason": "no_such_page", "page": 9}
    with pytest.raises(Unrenderable):
        stage.made(saved("JPEG"), page=2)


def test_a_source_that_cannot_be_written_becomes_jpeg_or_png_where_it_is_transparent(stage):
    assert stage.made(saved("TIFF")).format == "jpg"
    assert stage.made(saved("TIFF", cut_out())).format == "png"
    assert stage.made(saved("WEBP")).format == "webp"


def test_plain_means_jpeg_or_png_where_it_is_transparent_whatever_the_source_is(stage):
    for decoder in ("WEBP", "PNG", "TIFF"):
        assert stage.made(saved(decoder), format="plain").format == "jpg"
        assert stage.made(saved(decoder, cut_out()), format="plain").format == "png"


def test_with_no_size_asked_for_a_large_picture_is_made_as_large_as_allowed(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("small"), RenderLimits(max_side=250)) as small:
        assert_size(small, saved("JPEG"), (250, 167))
        assert_size(small, saved("PNG"), (250, 167))
        with pytest.raises(Unrenderable) as caught:
            small.made(saved("JPEG"), Resize("scale", 200, 251))
        assert caught.value.facts["max_side"] == 250


def assert_size(stage: Stage, data: bytes, size: tuple[int, int]) -> None:
    found = stage.made(data)
    assert (found.width, found.height) == size == stage.shown().size
