"""What is left of a picture without its metadata: every pixel, its colours, its turn, nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from atoll.errors import Unstrippable
from storage_node.inspection_protocol import Inspection
from storage_node.sniff import sniff
from storage_node.strip import check_same_picture, pieces_of

SECRET = b"52.5200N 13.4050E"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(mode: str = "RGB", side: int = 40) -> Image.Image:
    image = Image.effect_noise((side, side // 2), 80).convert(mode)
    image.putpixel((1, 1), 3 if mode == "L" else (200, 10, 10, 128)[: len(image.getbands())])
    return image


def exif(orientation: int = 6) -> Image.Exif:
    made = Image.Exif()
    made[0x0112], made[0x010E] = orientation, SECRET.decode()
    made.get_ifd(0x8825)[1] = "N"
    return made


def saved(image: Image.Image, kind: str, **facts: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **facts)  # type: ignore[arg-type]  # facts of a test
    return out.getvalue()


def a_jpeg() -> bytes:
    plain = saved(noise(), "JPEG", exif=exif(), icc_profile=ICC, comment=SECRET, progressive=True)
    iptc = b"\xff\xed" + (2 + 14 + len(SECRET)).to_bytes(2, "big") + b"Photoshop 3.0\0" + SECRET
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + SECRET
    app1 = b"\xff\xe1" + (2 + len(xmp)).to_bytes(2, "big") + xmp
    return plain[:2] + iptc + app1 + plain[2:] + b"trailer " + SECRET


def a_png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Where", SECRET.decode())
    info.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    return saved(noise("RGBA"), "PNG", pnginfo=info, exif=exif(), icc_profile=ICC, dpi=(72, 72)) + SECRET


def frames(mode: str = "RGB") -> list[Image.Image]:
    return [noise(mode), noise(mode).rotate(180), noise(mode).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]


def an_animation(kind: str, **facts: object) -> bytes:
    first, *others = frames()
    return saved(first, kind, save_all=True, append_images=others, duration=80, loop=2, **facts)


SAMPLES: dict[str, Callable[[], bytes]] = {
    "jpeg": a_jpeg,
    "grey jpeg": lambda: saved(noise("L"), "JPEG", exif=exif(3), comment=SECRET),
    "cmyk jpeg": lambda: saved(noise().convert("CMYK"), "JPEG", comment=SECRET),
    "png": a_png,
    "palette png": lambda: saved(noise().quantize(16), "PNG", exif=exif(8)),
    "apng": lambda: an_animation("PNG", exif=exif()),
    "webp": lambda: saved(noise("RGBA"), "WEBP", lossless=True, exif=exif(), xmp=SECRET, icc_profile=ICC),
    "plain webp": lambda: saved(noise(), "WEBP"),
    "animated webp": lambda: an_animation("WEBP", exif=exif(5).tobytes(), xmp=SECRET),
    "gif": lambda: an_animation("GIF", comment=SECRET),
    "bmp": lambda: saved(noise(), "BMP"),
    "avif": lambda: saved(noise(), "AVIF", icc_profile=ICC),
    "avif with words": lambda: saved(noise("RGBA"), "AVIF", exif=exif(), xmp=b"<x>%s</x>" % SECRET),
    "turned avif": lambda: saved(noise(), "AVIF", exif=exif(8), xmp=SECRET, icc_profile=ICC),
}


def stripped(body: bytes, folder: Path, orientation: int = 1) -> bytes:
    path = folder / "came"
    path.write_bytes(body)
    kind = sniff(body[:512])
    assert kind is not None
    return b"".join(pieces_of(path, kind, orientation))


def turn_of(body: bytes) -> int:
    return int(Image.open(io.BytesIO(body)).getexif().get(0x0112, 1))


def pixels(body: bytes) -> list[tuple[str, tuple[int, int], bytes, object]]:
    found = []
    with Image.open(io.BytesIO(body)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown = image.convert("RGBA") if image.mode == "P" else image
            found.append((image.mode, image.size, shown.tobytes(), image.info.get("duration")))
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_every_pixel_stays_and_so_do_profile_and_turn(name: str, tmp_path: Path) -> None:
    body = SAMPLES[name]()
    left = stripped(body, tmp_path, turn_of(body))
    assert pixels(left) == pixels(body)
    assert turn_of(left) == turn_of(body)
    before, after = (Image.open(io.BytesIO(data)).info for data in (body, left))
    assert after.get("icc_profile") == before.get("icc_profile")
    assert after.get("loop") == before.get("loop")


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_that_was_written_down_is_left_and_a_second_time_changes_nothing(
    name: str, tmp_path: Path
) -> None:
    body = SAMPLES[name]()
    left = stripped(body, tmp_path, turn_of(body))
    assert SECRET not in left
    kept = Image.open(io.BytesIO(left)).getexif()
    assert dict(kept) == ({0x0112: turn_of(body)} if turn_of(body) != 1 else {})
    assert stripped(left, tmp_path, turn_of(left)) == left


def test_a_jfif_thumbnail_goes_for_it_may_show_what_was_cut_away(tmp_path: Path) -> None:
    plain = saved(noise(), "JPEG")
    thumb = bytes([2, 2]) + b"secret thumb"
    at = plain.index(b"JFIF\0")
    head = plain[:at] + plain[at : at + 12] + thumb
    body = head.replace(b"\xff\xe0\x00\x10", b"\xff\xe0\x00\x1c") + plain[at + 14 :]
    assert pixels(body) == pixels(plain)
    assert stripped(body, tmp_path) == plain


@pytest.mark.parametrize(
    "body",
    [saved(noise(), "TIFF"), an_animation("AVIF", xmp=SECRET)],
    ids=["tiff", "avif that moves"],
)
def test_what_cannot_be_taken_out_is_refused_by_the_policys_name(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(Unstrippable) as refused:
        stripped(body, tmp_path)
    assert refused.value.status == 422
    assert refused.value.facts["policy"] == "metadata=strip"


def test_a_broken_end_is_left_for_the_decoder_to_judge(tmp_path: Path) -> None:
    for name in ("jpeg", "png", "webp", "gif"):
        whole = SAMPLES[name]()
        for end in range(20, len(whole), 97):
            left = stripped(whole[:end], tmp_path)
            assert len(left) <= end + 64


def test_a_picture_that_a_decoder_sees_otherwise_is_refused() -> None:
    seen = Inspection(4, 3, 1, False, "RGB", 6, "a", "b", "#000000")
    kind = sniff(b"\xff\xd8\xff")
    assert kind is not None
    check_same_picture(seen, seen, kind)
    with pytest.raises(Unstrippable):
        check_same_picture(seen, Inspection(4, 3, 1, False, "RGB", 1, "a", "b", "#000000"), kind)
