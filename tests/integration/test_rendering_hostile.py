"""Files made to do harm: each costs its own request, bounded memory, and leaves nothing on the disk."""

from __future__ import annotations

import itertools
import os
import random
import struct
import sys
import zlib
from contextlib import suppress

import pytest
from picture_maker import animation, heic, saved, scene
from PIL import Image
from rendering_stage import rendering

from atoll.errors import Rejected, TooManyPixels, Undecodable, Unrenderable
from atoll.transformation.steps import Delivery, ImageLayer, Overlay, Resize
from storage_node.inspection_protocol import InspectionLimits
from storage_node.render_protocol import RenderLimits
from storage_node.sniff import GIF, JPEG, PNG, TIFF, WEBP, sniff

SMALL = Resize("scale", 40)
CEILING = 300 << 20  # resident bytes of a worker, whatever it was given
LIMITS = RenderLimits(InspectionLimits(max_pixels=20_000_000, max_frames=60, max_frame_pixels_sum=20_000_000))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with rendering(tmp_path_factory.mktemp("hostile"), LIMITS) as running:
        yield running
        assert running.left_over() == []


@pytest.fixture(autouse=True)
def unharmed(stage):
    """After every test: memory stayed below its ceiling, no file is left, the next request is served."""
    yield
    assert stage.left_over() == []
    if sys.platform == "linux":
        assert all(peak(pid) < CEILING for pid in stage.renderer.pool.worker_pids())
    assert stage.made(GOOD, SMALL).width == 40


def peak(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


GOOD = saved("JPEG", scene(120, 80))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, data: bytes | None = None) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = zlib.compress(b"\0" * 3_000_000) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def jpeg_of_size(width: int, height: int) -> bytes:
    at = GOOD.index(b"\xff\xc0") + 5
    return patched(GOOD, at, struct.pack(">HH", height, width))


def gif_frames(count: int, width: int = 10, height: int = 10) -> bytes:
    """Frames of one byte each on a canvas of this size."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * count + b";"


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + struct.pack("<H", len(entries))
        + body
        + struct.pack("<I", following)
    )


def exif(body: bytes) -> bytes:
    segment = b"Exif\0\0" + body
    return GOOD[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + GOOD[2:]


BOMBS = {
    "jpeg 65500 x 65500": (jpeg_of_size(65_500, 65_500), JPEG),
    "png 100000 x 100000": (png(100_000, 100_000), PNG),
    "png 2^31-1 x 1": (png(2**31 - 1, 1), PNG),
    "webp 16384 x 16384": (patched(saved("WEBP", scene(64, 64)), 26, b"\xff\x3f\xff\x3f"), WEBP),
    "gif 65535 x 65535": (gif_frames(1, 65_535, 65_535), GIF),
    "gif of 5000 frames": (gif_frames(5_000), GIF),
    "gif of 50 frames on a large canvas": (gif_frames(50, 3_000, 3_000), GIF),
    "tiff 60000 x 60000": (
        tiff([(256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
              (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 60_000), (279, 4, 1, 100)]), TIFF),
    "apng of a million frames": (
        png(10, 10, chunk(b"acTL", struct.pack(">II", 1_000_000, 0)), data=zlib.compress(b"\0" * 310)), PNG),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header(stage, name):
    data, image_type = BOMBS[name]
    with pytest.raises(TooManyPixels) as caught:
        stage.made(data, SMALL, image_type=image_type, format="gif")
    assert any(fact.startswith("max_") for fact in caught.value.facts)


BROKEN = {
    "jpeg of no width": (jpeg_of_size(0, 80), JPEG),
    "jpeg of no height": (jpeg_of_size(80, 0), JPEG),
    "png of no size": (png(0, 0), PNG),
    "gif without frames": (gif_frames(0), GIF),
    "webp of no content": (b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0", WEBP),
    "tiff whose directory is itself": (tiff([(256, 4, 1, 8)], following=8), TIFF),
    "tiff without a directory": (b"II*\0\x08\0\0\0", TIFF),
    "empty": (b"", JPEG),
    "one byte": (b"\xff", JPEG),
    "text": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PNG),
    "png called jpeg": (saved("PNG", scene(40, 40)), JPEG),
    "jpeg called png": (GOOD, PNG),
    "png with a broken stream": (png(100, 100, data=b"not zlib"), PNG),
    "png with too few rows": (png(1000, 1000, data=zlib.compress(b"\0" * 30)), PNG),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_is_said_to_be_none(stage, name):
    data, image_type = BROKEN[name]
    with pytest.raises(Undecodable):
        stage.made(data, SMALL, image_type=image_type)


@pytest.mark.parametrize(("width", "height"), [(1, 65_000), (65_000, 1)])
@pytest.mark.parametrize("decoder", ["JPEG", "PNG"])
def test_a_line_as_long_as_a_format_allows_is_rendered_or_refused(stage, decoder, width, height):
    data = saved(decoder, Image.new("RGB", (width, height), "red"))
    found = stage.made(data, Resize("fit", 100, 100), format="png")
    assert max(found.width, found.height) == 100
    assert min(found.width, found.height) == 1
    with pytest.raises(Unrenderable):
        stage.made(data, Resize("scale", 4000), format="png") if width == 1 else stage.made(
            data, Resize("scale", height=4000), format="png"
        )


def test_a_compressed_text_or_profile_that_unfolds_is_not_unfolded(stage):
    much = zlib.compress(b"\0" * (64 << 20))
    rows = zlib.compress(b"\0" * 31 * 10)
    for kind in (b"zTXt", b"iCCP"):
        body = chunk(kind, b"name\0\0" + much)
        with pytest.raises(Undecodable):
            stage.made(png(10, 10, body, data=rows), SMALL, image_type=PNG)


PROFILES = {
    "noise": random.Random(1).randbytes(3000),
    "empty tags": b"\0" * 128 + struct.pack(">I", 0),
    "tags beyond the end": b"\0" * 36 + b"acsp" + b"\0" * 88 + struct.pack(">I", 0xFFFF_FFFF),
    "three megabytes": b"\0" * 36 + b"acsp" + b"\0" * 3_000_000,
    "of cmyk": b"\0" * 16 + b"CMYK" + b"\0" * 16 + b"acsp" + b"\0" * 500,
}


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("decoder", ["JPEG", "PNG", "WEBP"])
def test_a_malformed_colour_profile_counts_as_none(stage, name, decoder):
    data = saved(decoder, scene(120, 80), icc_profile=PROFILES[name])
    try:
        assert stage.made(data, SMALL).width == 40
    except Undecodable:
        assert decoder == "PNG"  # Pillow refuses a PNG whose profile unfolds to more than its limit
        assert len(PROFILES[name]) > 1 << 20


ENTRY = (0x0112, 3, 0x7FFF_FFFF, 0xFFFF_FF00)
EXIFS = {
    "noise": random.Random(2).randbytes(2000),
    "offsets outside": tiff([ENTRY]),
    "a directory that is itself": tiff([(0x8769, 4, 1, 8)], following=8),
    "65535 entries": patched(tiff([ENTRY] * 5000), 8, b"\xff\xff"),
    "orientation 99": tiff([(0x0112, 3, 1, 99)]),
    "cut off": b"II*\0",
}  # fmt: skip


@pytest.mark.parametrize("name", EXIFS)
@pytest.mark.parametrize("keep", [False, True])
def test_malformed_exif_turns_nothing_and_tells_nothing(stage, name, keep):
    data = exif(EXIFS[name][:60_000])
    assert stage.made(data, SMALL, delivery=Delivery(keep_iptc=keep)).height == 27
    assert set(stage.shown().getexif()) <= {0x8298, 0x013B}


SAMPLES = {
    "jpeg": GOOD,
    "jpeg progressive": saved("JPEG", scene(120, 80), progressive=True),
    "png": saved("PNG", scene(120, 80)),
    "webp": saved("WEBP", scene(120, 80)),
    "gif": animation("GIF"),
    "webp animation": animation("WEBP"),
    "avif": saved("AVIF", scene(120, 80), speed=10),
    "heic": heic(scene(120, 80)),
    "tiff": saved("TIFF", scene(120, 80), compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_off_at_any_tenth_is_refused_or_drawn_and_never_our_fault(stage, name):
    data = SAMPLES[name]
    image_type = sniff(data[:64])
    for tenth in range(10):
        with suppress(Rejected):
            stage.made(data[: len(data) * tenth // 10], SMALL, image_type=image_type, format="png")


@pytest.mark.parametrize("name", SAMPLES)
def test_flipped_bits_are_refused_or_drawn_and_never_our_fault(stage, name):
    dice = random.Random(name)
    data = SAMPLES[name]
    image_type = sniff(data[:64])
    for _ in range(25):
        flipped = bytearray(data)
        for at in dice.sample(range(len(data)), 4):
            flipped[at] ^= 1 << dice.randrange(8)
        with suppress(Rejected):
            stage.made(bytes(flipped), SMALL, image_type=image_type, format="webp")


def test_frames_that_disagree_with_their_canvas_are_refused_or_drawn(stage):
    head = b"GIF89a" + struct.pack("<HHBBB", 20, 20, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    for left, top, width, height in itertools.product((0, 19, 60_000), (0,), (1, 65_535), (1, 65_535)):
        frame = b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x02\x02\x44\x01\0"
        small = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
        with suppress(Rejected):
            stage.made(head + small + frame + b";", SMALL, image_type=GIF, format="gif")


def test_an_animation_is_not_blown_up_beyond_what_its_frames_may_have_together(stage):
    with pytest.raises(Unrenderable) as caught:
        stage.made(animation("GIF"), Resize("scale", 4000, 4000), format="gif")
    assert "max_frame_pixels_sum" in caught.value.facts


def test_a_hostile_layer_costs_the_request_it_is_in(stage):
    for data in (BOMBS["png 100000 x 100000"][0], SAMPLES["png"][:200]):
        with pytest.raises(Undecodable):
            stage.made(GOOD, Overlay(ImageLayer("evil")), layers={"evil": data})


def test_a_picture_with_a_program_behind_it_is_only_the_picture(stage):
    tail = b"<?php system('id'); ?>" + os.urandom(1000) + b"PK\x03\x04"
    stage.made(GOOD + tail, SMALL)
    assert b"php" not in stage.output.read_bytes()
