"""What the node finds out about hostile bytes before it calls them a picture."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pillow_heif
import pytest
from face_maker import crowd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from placeholder_reader import drawn_thumbhash, thumbhash_ratio

from atoll.errors import TooManyPixels, Unavailable, Undecodable
from storage_node.inspection import Inspection, InspectionLimits, Inspector
from storage_node.looks.extra import cascade
from storage_node.sniff import GIF, HEIC, JPEG, PNG, TIFF, WEBP, ImageType, sniff
from storage_node.worker_pool import PoolLimits

LIMITS = InspectionLimits(max_pixels=1_000_000, max_frames=60, max_frame_pixels_sum=1_000_000)


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector(PoolLimits(workers=2, jobs_per_worker=100_000), LIMITS) as running:
        yield running


class Look:
    """Writes bytes to a file and has them inspected as the type they look like."""

    def __init__(self, inspector: Inspector, folder: Path) -> None:
        self.inspector = inspector
        self.path = folder / "picture"

    def __call__(self, data: bytes, image_type: ImageType | None = None) -> Inspection:
        self.path.write_bytes(data)
        image_type = image_type or sniff(data[:64])
        assert image_type is not None
        return self.inspector.begin(self.path, image_type).result()


@pytest.fixture
def look(inspector, tmp_path) -> Look:
    return Look(inspector, tmp_path)


def photo(width: int = 96, height: int = 64, shift: int = 0) -> Image.Image:
    """Something with detail in it, so that every part of the file carries pixels."""
    noise = Image.effect_noise((width, height), 80)
    slope = Image.linear_gradient("L").resize((width, height)).rotate(shift * 10)
    return Image.merge("RGB", (noise, slope, noise.transpose(Image.Transpose.ROTATE_180)))


def saved(decoder: str, image: Image.Image | None = None, **options) -> bytes:
    out = io.BytesIO()
    (image or photo()).save(out, decoder, **options)
    return out.getvalue()


def animation(decoder: str, count: int = 5) -> bytes:
    first, *rest = (photo(48, 32, n) for n in range(count))
    return saved(decoder, first, save_all=True, append_images=rest, duration=40)


def heic(*images: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    file = pillow_heif.HeifFile()
    for image in images or (photo(),):
        file.add_from_pillow(image)
    file.save(out, **options)
    return out.getvalue()


def packed_bmp(image: Image.Image) -> bytes:
    """A palette picture as BMP with run lengths, which Pillow only reads."""
    rows = [image.crop((0, y, image.width, y + 1)).tobytes() for y in reversed(range(image.height))]
    packed = b"".join(b"".join(bytes((1, index)) for index in row) + b"\0\0" for row in rows) + b"\0\1"
    palette = (image.getpalette("BGRX") or [])[: 4 * 256]
    palette += [0] * (4 * 256 - len(palette))
    at = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, *image.size, 1, 8, 1, len(packed), 2835, 2835, 256, 0)
    return struct.pack("<2sIII", b"BM", at + len(packed), 0, at) + info + bytes(palette) + packed


STILLS = {
    "jpeg baseline": lambda: saved("JPEG"),
    "jpeg progressive": lambda: saved("JPEG", progressive=True),
    "jpeg grey": lambda: saved("JPEG", photo().convert("L")),
    "jpeg cmyk": lambda: saved("JPEG", photo().convert("CMYK")),
    "png": lambda: saved("PNG"),
    "png palette": lambda: saved("PNG", photo().quantize(32)),
    "png 16 bit": lambda: saved("PNG", photo().convert("I;16")),
    "webp lossy": lambda: saved("WEBP"),
    "webp lossless": lambda: saved("WEBP", lossless=True),
    "gif": lambda: saved("GIF", photo().quantize(64)),
    "avif": lambda: saved("AVIF", speed=9),
    "heic": heic,
    "heic grid": lambda: heic(photo(192, 192), tile_size=64),
    "tiff raw": lambda: saved("TIFF"),
    "tiff lzw": lambda: saved("TIFF", compression="tiff_lzw"),
    "tiff deflate": lambda: saved("TIFF", compression="tiff_adobe_deflate"),
    "tiff jpeg": lambda: saved("TIFF", compression="jpeg"),
    "bmp": lambda: saved("BMP"),
    "bmp palette": lambda: saved("BMP", photo().quantize(32)),
    "bmp packed": lambda: packed_bmp(photo().quantize(200)),
}
MOVING = {
    "gif": lambda: animation("GIF"),
    "png": lambda: animation("PNG"),
    "webp": lambda: animation("WEBP"),
    "avif": lambda: animation("AVIF"),
}
PAGED = {
    "tiff": lambda: animation("TIFF"),
    "heic": lambda: heic(*(photo(48, 32, n) for n in range(5))),
}


@pytest.mark.parametrize("name", STILLS)
def test_a_picture_of_every_type_is_taken_with_its_size(look, name):
    found = look(STILLS[name]())
    assert (found.width, found.height) == ((192, 192) if "grid" in name else (96, 64))
    assert (found.frames, found.animated, found.orientation) == (1, False, 1)
    assert found.picture.width == found.width


@pytest.mark.parametrize("name", STILLS)
def test_a_picture_of_every_type_has_its_looks(look, name):
    found = look(STILLS[name]()).picture
    assert len(found.blurhash) == 28
    assert 20 <= len(base64.b64decode(found.thumbhash, validate=True)) <= 25
    assert found.color.startswith("#")
    shown = drawn_thumbhash(found.thumbhash, 8, 8).convert("L").resize((1, 1), Image.Resampling.BOX)
    mean = photo().convert("L").resize((1, 1), Image.Resampling.BOX)
    assert name in {"heic grid", "png 16 bit"} or abs(shown.getpixel((0, 0)) - mean.getpixel((0, 0))) < 25


@pytest.mark.parametrize("name", MOVING)
def test_the_looks_of_an_animation_are_its_first_frames(look, name):
    first, *rest = (Image.new("RGB", (48, 32), colour) for colour in ("#c82020", "#20c820", "#2020c8"))
    data = saved(name.upper(), first, save_all=True, append_images=rest, duration=40)
    found = look(data)
    assert found.frames == 3
    red, green, blue = drawn_thumbhash(found.thumbhash, 1, 1).getpixel((0, 0))[:3]
    assert red > 150
    assert max(green, blue) < 90


@pytest.mark.parametrize("orientation", [1, 6])
def test_looks_are_of_the_picture_as_displayed(look, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    ratio = thumbhash_ratio(look(saved("JPEG", photo(200, 100), exif=exif)).thumbhash)
    assert ratio > 1 if orientation == 1 else ratio < 1


FACE = crowd((1500, 1000), (900, 250, 300))  # its middle is at 0.7 and 0.445


@pytest.fixture(scope="module")
def face_inspector() -> Iterator[Inspector]:
    if cascade() is None:
        pytest.skip("!!! atoll[faces] IS NOT INSTALLED: finding faces is not tested !!!")
    with Inspector(PoolLimits(workers=1), find_faces=True) as running:
        yield running


@pytest.mark.parametrize("decoder", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF"])
def test_faces_are_found_in_a_shut_in_worker_in_every_type(face_inspector, tmp_path, decoder):
    pillow_heif.register_heif_opener()
    image = FACE.convert("RGB")
    found = Look(face_inspector, tmp_path)(saved(decoder, image)).picture
    (face,) = found.faces
    assert abs(face.left + face.width / 2 - 0.7) < 0.05
    assert abs(face.top + face.height / 2 - 0.445) < 0.08
    assert found.thumbhash


def test_who_looks_for_faces_still_takes_the_largest_picture(face_inspector, tmp_path):
    whole = Image.new("RGBA", (10_000, 5_000), (90, 120, 80, 200))
    found = Look(face_inspector, tmp_path)(saved("PNG", whole, compress_level=1))
    assert (found.width, found.faces) == (10_000, ())


def test_without_the_extra_nobody_says_that_there_are_no_faces(look):
    assert look(saved("JPEG", FACE.resize((600, 400)))).faces is None


@pytest.mark.parametrize("name", MOVING)
def test_an_animation_is_taken_with_its_frames(look, name):
    found = look(MOVING[name]())
    assert (found.width, found.height, found.frames, found.animated) == (48, 32, 5, True)


@pytest.mark.parametrize("name", PAGED)
def test_pages_are_counted_but_do_not_move(look, name):
    found = look(PAGED[name]())
    assert (found.width, found.height, found.frames, found.animated) == (48, 32, 5, False)


@pytest.mark.parametrize("decoder", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (96, 64)), (3, (96, 64)), (6, (64, 96)), (8, (64, 96))]
)
def test_the_size_is_the_one_displayed(look, decoder, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = look(saved(decoder, exif=exif))
    assert (found.width, found.height) == size


def test_a_heic_that_is_turned_by_its_container_is_measured_upright(look):
    pillow_heif.register_heif_opener()  # only its own writer turns an EXIF orientation into the container's
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved("HEIF", exif=exif.tobytes())
    assert b"irot" in data
    found = look(data)
    assert (found.width, found.height, found.orientation) == (64, 96, 1)


def test_a_jpeg_that_carries_more_pictures_is_its_first_one(look):
    found = look(saved("MPO", save_all=True, append_images=[photo(40, 30)]))
    assert (found.width, found.height, found.frames, found.animated) == (96, 64, 1, False)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_does_not_exist_turns_nothing(look, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = look(saved("JPEG", exif=exif))
    assert (found.width, found.height, found.orientation) == (96, 64, 1)


def test_exif_that_is_nonsense_does_not_spoil_the_picture(look):
    found = look(saved("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(range(200))))
    assert (found.width, found.height) == (96, 64)


@pytest.mark.parametrize(
    "name", [*STILLS, *(f"moving {name}" for name in MOVING), "paged tiff", "paged heic"]
)
def test_a_picture_cut_off_at_any_tenth_is_refused(look, name):
    kind, _, rest = name.partition(" ")
    data = {"moving": MOVING, "paged": PAGED}.get(kind, STILLS)[
        rest if kind in ("moving", "paged") else name
    ]()
    look(data)
    image_type = sniff(data[:64])
    for tenth in range(1, 10):
        with pytest.raises(Undecodable):
            look(data[: len(data) * tenth // 10], image_type)


@pytest.mark.parametrize(
    "name", ["jpeg baseline", "jpeg progressive", "png", "gif", "webp lossy", "heic", "avif"]
)
def test_a_picture_that_lacks_its_last_byte_is_refused(look, name):
    with pytest.raises(Undecodable):
        look(STILLS[name]()[:-1])


def test_a_jpeg_whose_pixels_are_all_there_before_its_last_byte_is_refused_without_it(look):
    noise = Random(7)  # any that gives such pictures: one in twenty is
    cut = [saved("JPEG", Image.frombytes("RGB", (16, 16), noise.randbytes(768)))[:-1] for _ in range(200)]
    whole_to_their_decoder = [data for data in cut if decodes(data)]
    assert whole_to_their_decoder
    for data in whole_to_their_decoder:
        with pytest.raises(Undecodable) as refused:
            look(data)
        assert refused.value.facts["reason"] == "truncated"


def decodes(data: bytes) -> bool:
    with contextlib.suppress(OSError), Image.open(io.BytesIO(data)) as image:
        image.load()
        return True
    return False


@pytest.mark.parametrize(
    "name", ["jpeg baseline", "jpeg progressive", "png", "gif", "webp lossy", "heic grid"]
)
def test_a_truncated_picture_is_called_that(look, name):
    data = STILLS[name]()
    with pytest.raises(Undecodable) as refused:
        look(data[: len(data) * 6 // 10])
    assert refused.value.facts["reason"] == "truncated"


def test_a_heic_grid_whose_tiles_are_all_missing_is_refused(look):
    data = STILLS["heic grid"]()
    with pytest.raises(Undecodable):
        look(data[: data.index(b"mdat") - 4])


@pytest.mark.parametrize("image_type", [JPEG, PNG, WEBP, GIF, TIFF, HEIC])
def test_text_is_no_picture_whatever_it_is_called(look, image_type):
    with pytest.raises(Undecodable):
        look(b"Once upon a time there was a byte. " * 40, image_type)


def test_a_file_is_tried_as_the_one_type_it_was_sniffed_as(look):
    with pytest.raises(Undecodable):
        look(saved("PNG"), JPEG)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff"])
def test_almost_nothing_is_no_picture(look, data):
    with pytest.raises(Undecodable):
        look(data, JPEG)


def test_a_file_that_is_not_there_is_not_the_senders_fault(inspector, tmp_path):
    with pytest.raises(Unavailable):
        inspector.begin(tmp_path / "nothing", JPEG).result()


# --- bombs


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(saved("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of(width: int, height: int) -> bytes:
    data = bytearray(saved("GIF", photo().quantize(8)))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def webp_of(width: int, height: int) -> bytes:
    data = bytearray(animation("WEBP"))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def tiff_of(width: int, height: int) -> bytes:
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 0),
        (278, 4, 1, height),
    ]
    body = b"".join(struct.pack("<HHII", *entry) for entry in [*entries, (279, 4, 1, 8)])
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 7) + body + b"\0" * 4


def grown_gif() -> bytes:
    """A canvas of one pixel, and a second frame that reaches far beyond it."""
    pixel = b"\2\2\x44\1\0"
    far = b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0)
    return b"GIF89a\1\0\1\0\0\0\0" + b",\0\0\0\0\1\0\1\0\0" + pixel + far + pixel + b";"


@pytest.mark.parametrize("bomb", [png_of, jpeg_of, gif_of, webp_of, tiff_of])
def test_a_header_that_claims_60000_by_60000_is_refused_before_anything_is_decoded(look, bomb):
    before = peak_memory(look.inspector)
    with pytest.raises(TooManyPixels) as refused:
        look(bomb(60_000, 60_000))
    assert refused.value.facts["max_pixels"] == LIMITS.max_pixels
    assert refused.value.facts["pixels"] == 3_600_000_000
    assert peak_memory(look.inspector) - before < 5 << 20


def test_a_gif_that_grows_while_it_plays_is_refused(look):
    with pytest.raises(TooManyPixels):
        look(grown_gif())


@pytest.mark.parametrize(
    "make", [lambda: heic(photo(1200, 900)), lambda: saved("AVIF", photo(1200, 900), speed=10)]
)
def test_the_pixel_limit_holds_for_formats_that_only_their_decoder_measures(look, make):
    with pytest.raises(TooManyPixels) as refused:
        look(make())
    assert refused.value.facts["pixels"] == 1_080_000


def test_the_limit_is_exact(look):
    assert look(saved("PNG", Image.new("L", (1000, 1000)))).width == 1000
    with pytest.raises(TooManyPixels):
        look(saved("PNG", Image.new("L", (1000, 1001))))


def test_a_callers_own_limits_go_before_the_nodes(look):
    look.path.write_bytes(saved("PNG"))
    with pytest.raises(TooManyPixels):
        look.inspector.begin(look.path, PNG, InspectionLimits(max_pixels=100)).result()


def gif_with(frames: int) -> bytes:
    return b"GIF89a\1\0\1\0\0\0\0" + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0" * frames + b";"


def test_a_gif_of_a_thousand_frames_is_refused(look):
    assert look(gif_with(60)).frames == 60
    with pytest.raises(TooManyPixels) as refused:
        look(gif_with(1000))
    assert refused.value.facts == {"max_frames": 60, "frames": 1000}


def test_a_tiff_of_too_many_pages_is_refused(look):
    page, *rest = (Image.new("L", (2, 2), n) for n in range(61))
    with pytest.raises(TooManyPixels):
        look(saved("TIFF", page, save_all=True, append_images=rest))


def test_a_tiff_whose_pages_go_round_in_a_circle_ends(look):
    data = bytearray(saved("TIFF", Image.new("L", (4, 4))))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + entries * 12, directory)
    assert look(bytes(data)).frames == 1


@pytest.mark.parametrize("decoder", ["GIF", "PNG", "WEBP", "TIFF"])
def test_frames_that_together_have_too_many_pixels_are_refused(look, decoder):
    first, *rest = (Image.new("RGB", (400, 400), (n * 50, 0, 0)) for n in range(5))
    assert look(saved(decoder, first, save_all=True, append_images=rest)).frames == 5
    first, *rest = (Image.new("RGB", (500, 500), (n * 50, 0, 0)) for n in range(5))
    with pytest.raises(TooManyPixels) as refused:
        look(saved(decoder, first, save_all=True, append_images=rest))
    assert refused.value.facts["frame_pixels_sum"] == 1_250_000


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
@pytest.mark.parametrize("after_pixels", [False, True])
def test_a_png_whose_text_unpacks_to_100_megabytes_is_refused_or_left_packed(look, kind, after_pixels):
    packed = zlib.compress(b"\0" * 100_000_000)
    body = b"a\0" + (b"\1\0\0\0" if kind == "iTXt" else b"\0") + packed
    data = saved("PNG")
    at = data.index(b"IEND" if after_pixels else b"IDAT") - 4
    before = peak_memory(look.inspector)
    with pytest.raises(Undecodable):
        look(data[:at] + chunk(kind.encode(), body) + data[at:])
    assert peak_memory(look.inspector) - before < 20 << 20


def test_a_picture_that_needs_more_memory_than_allowed_costs_only_itself(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(saved("PNG", Image.new("RGB", (7000, 7000)), compress_level=1))
    with Inspector(PoolLimits(workers=1), memory_bytes=160 << 20) as small:
        with pytest.raises(Undecodable) as refused:
            small.begin(path, PNG).result()
        assert refused.value.facts["reason"] == "out_of_memory"
        path.write_bytes(saved("PNG"))
        assert small.begin(path, PNG).result().width == 96


def test_a_picture_that_takes_too_long_is_refused_with_the_limit(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(saved("JPEG"))
    slow = tmp_path / "slow"
    slow.write_bytes(saved("PNG", Image.effect_noise((6000, 6000), 90), compress_level=1))
    with Inspector(PoolLimits(workers=1, job_seconds=60, cpu_share=0.001)) as inspector:
        with pytest.raises(Undecodable) as refused:
            inspector.begin(slow, PNG).result()
        assert refused.value.facts == {"reason": "inspection_timeout", "limit_seconds": 0.06}
        assert inspector.begin(path, JPEG).result().width == 96


def test_a_picture_that_got_no_processor_time_in_time_is_not_refused_for_it(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(saved("JPEG"))
    with Inspector(PoolLimits(workers=1, job_seconds=0.5)) as inspector:
        (pid,) = inspector.pool.worker_pids()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unavailable) as busy:
            inspector.begin(path, JPEG).result()
        assert busy.value.facts["reason"] == "inspection_starved"
        assert busy.value.facts["retry_after"] > 0


# --- many at once, and anything at all


def test_sixteen_threads_each_get_their_own_answer(inspector, tmp_path):
    wrong: list[object] = []

    def work(n: int) -> None:
        path = tmp_path / f"{n}"
        path.write_bytes(saved("JPEG", photo(20 + n, 30)))
        for _ in range(25):
            found = inspector.begin(path, JPEG).result()
            if found.width != 20 + n:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def outcome(look: Look, data: bytes) -> tuple[Inspection | None, object]:
    try:
        return look(data), None
    except Undecodable as refused:
        return None, refused.facts.get("reason")


def survives(look: Look, data: bytes) -> None:
    """Whatever the bytes are: a picture within the limits or a refusal, by workers that live on."""
    image_type = sniff(data[:64])
    if image_type is None:
        return
    before = look.inspector.pool.worker_pids()
    found, reason = outcome(look, data)
    assert reason not in {"decoder_crashed", "inspection_timeout"}
    if found:
        assert found.width * found.height <= LIMITS.max_pixels
        assert found.frames <= LIMITS.max_frames
    assert look.inspector.pool.worker_pids() == before


MAGIC = [
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"GIF89a",
    b"RIFF\x40\0\0\0WEBPVP8X",
    b"RIFF\x40\0\0\0WEBPVP8L",
    b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
]
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(magic=st.sampled_from(MAGIC), rest=st.binary(max_size=400))
def test_random_bytes_behind_any_magic_never_hurt_a_worker(look, magic, rest):
    survives(look, magic + rest)


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    return [make() for make in (*STILLS.values(), *MOVING.values(), *PAGED.values())]


@FUZZ
@given(data=st.data())
def test_a_picture_with_bytes_altered_never_hurts_a_worker(look, samples, data):
    altered = bytearray(data.draw(st.sampled_from(samples)))
    for _ in range(data.draw(st.integers(1, 12))):
        # Half of the time in the headers, where a byte means most.
        at = data.draw(st.one_of(st.integers(0, 255), st.integers(0, len(altered) - 1)))
        altered[at] = data.draw(st.integers(0, 255))
    survives(look, bytes(altered))


# --- the processes


def test_the_daemon_itself_loads_no_decoder():
    script = (
        "import sys, storage_node.inspection; sys.exit(any(m in sys.modules for m in ('PIL', 'pillow_heif')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def peak_memory(inspector: Inspector) -> int:
    """The most memory that any worker has ever held, in bytes; 0 where the system does not tell."""
    peaks = [0]
    for pid in inspector.pool.worker_pids():
        status = Path(f"/proc/{pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        peaks += [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
    return max(peaks)
