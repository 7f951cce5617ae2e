"""A derivative made of the mezzanine is the one that the picture itself would give."""

from __future__ import annotations

import io

import pillow_heif
import pytest
from picture_maker import cut_out, heic, likeness, scene
from PIL import Image, ImageCms
from rendering_stage import Stage, rendering

from atoll.model import Face
from atoll.transformation.parser import parse
from atoll.transformation.steps import Transformation
from storage_node.rendering.mezzanine import MEZZANINE
from storage_node.sniff import JPEG, PNG, sniff

SIZE = (2560, 640)  # no higher than it must be: encoding HEIC takes long
FAST = {"enc_params": {"preset": "ultrafast"}}
FACES = (Face(0.1, 0.2, 0.5, 0.6),)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("mezzanines")) as running:
        yield running


def made(stage: Stage, data: bytes, wanted: Transformation, **rest) -> bytes:
    order = stage.order(data, *wanted.steps, delivery=wanted.delivery, page=wanted.page, **rest)
    stage.renderer.begin(order).result()
    return stage.output.read_bytes()


def mezzanine(stage: Stage, data: bytes) -> bytes:
    return made(stage, data, MEZZANINE, format="plain")


@pytest.fixture(scope="module")
def picture() -> bytes:
    return heic(scene(*SIZE))


@pytest.fixture(scope="module")
def smaller(stage, picture) -> bytes:
    return mezzanine(stage, picture)


def test_it_is_a_jpeg_of_the_size_that_is_promised(smaller):
    assert sniff(smaller[:64]) is JPEG
    assert Image.open(io.BytesIO(smaller)).size == (2048, 512)


@pytest.mark.parametrize(
    "text",
    [
        "c_fit,h_512,w_512",
        "c_fill,h_264,w_288",
        "c_fill,g_north_east,h_300,w_300",
        "c_crop,h_0.5,w_0.5,x_300,y_200/c_fit,w_400",
        "c_thumb,g_face,h_200,w_200",
        "c_fill,g_face,h_200,w_500",
        "c_fit,w_600/e_blur:200",
        "c_pad,b_blue,h_300,w_300",
        "c_scale,w_0.25",
        "c_limit,w_2048",
        "a_90/c_fit,w_300",
    ],
)
def test_the_derivative_is_the_same(stage, picture, smaller, text):
    wanted = parse(text)
    whole = made(stage, picture, wanted, format="png", faces=FACES)
    short = made(stage, smaller, wanted, format="png", faces=FACES, stands_for=SIZE)
    one, other = (Image.open(io.BytesIO(data)) for data in (whole, short))
    assert one.size == other.size
    assert likeness(one, other) > 0.95


def test_a_picture_held_upright_is_stood_for_upright(stage):
    pillow_heif.register_heif_opener()  # only its own writer turns an EXIF orientation into the container's
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    scene(*SIZE).save(file, "HEIF", exif=exif.tobytes(), quality=90, **FAST)
    smaller = mezzanine(stage, file.getvalue())
    shown = Image.open(io.BytesIO(smaller))
    assert shown.size == (512, 2048)
    whole, short = (
        made(stage, data, parse("c_fill,g_north,h_200,w_200"), format="png", **rest)
        for data, rest in ((file.getvalue(), {}), (smaller, {"stands_for": (640, 2560)}))
    )
    assert likeness(*(Image.open(io.BytesIO(data)) for data in (whole, short))) > 0.95


def test_transparency_goes_along(stage):
    data = heic(cut_out(2560, 640))
    smaller = mezzanine(stage, data)
    assert sniff(smaller[:64]) is PNG
    wanted = parse("c_fit,w_300")
    whole = made(stage, data, wanted, format="png")
    short = made(stage, smaller, wanted, format="png", stands_for=SIZE)
    pair = [Image.open(io.BytesIO(data)) for data in (whole, short)]
    assert [image.mode for image in pair] == ["RGBA", "RGBA"]
    assert likeness(*pair) > 0.95


def test_the_profile_and_the_rights_go_along_and_nothing_else(stage):
    exif = Image.Exif()
    exif[0x8298] = "Somebody"
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    scene(*SIZE).save(file, "HEIF", exif=exif.tobytes(), icc_profile=profile, **FAST)
    smaller = Image.open(io.BytesIO(mezzanine(stage, file.getvalue())))
    kept = smaller.getexif()
    assert smaller.info["icc_profile"] == profile
    assert kept[0x8298] == "Somebody"
    assert 0x010F not in kept
    assert not kept.get_ifd(0x8825)
