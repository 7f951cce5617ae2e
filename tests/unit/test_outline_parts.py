"""A container may have only so many parts, a JPEG only so many scans; pictures are far from that."""

from __future__ import annotations

import contextlib
import io

import pytest
from corpus.bricks import box, chunk, gif, gif_frame, grey_tiff, jpeg, jpeg_with, png, rows, segment, tiff
from corpus.odd_jpegs import scans
from hypothesis import given
from hypothesis import strategies as st
from picture_maker import saved, scene
from PIL import Image

from storage_node.container_outline import Bounds, TooManyParts, frames

FEW = Bounds(parts=10, scans=3)


def parts_of(decoder: str, number: int) -> bytes:
    """A container of so many parts."""
    return {
        "PNG": lambda: png(9, 9, chunk(b"teSt", b"") * (number - 3), data=rows(9, 9)),
        "GIF": lambda: gif(9, 9, b"!\xfe\0" * (number - 2), gif_frame()),
        "TIFF": lambda: tiff(grey_tiff(9, 9), 0)[:8] + tiff([(270, 2, 1, 0)] * (number - 1))[8:],
        "AVIF": lambda: box(b"free", b"") * number,
        "JPEG": lambda: b"\xff\xd8" + segment(0xEF, b"") * (number - 1) + b"\xff\xd9",
    }[decoder]()


@pytest.mark.parametrize("decoder", ["PNG", "GIF", "TIFF", "AVIF", "JPEG"])
def test_the_limit_of_parts_is_exact(decoder):
    frames(decoder, parts_of(decoder, 10), FEW)
    with pytest.raises(TooManyParts) as caught:
        frames(decoder, parts_of(decoder, 11), FEW)
    assert (caught.value.what, caught.value.most) == ("parts", 10)


def test_the_limit_of_scans_is_exact():
    frames("JPEG", scans(64, 3), FEW)
    with pytest.raises(TooManyParts) as caught:
        frames("JPEG", scans(64, 4), FEW)
    assert (caught.value.what, caught.value.most) == ("scans", 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_what_encoders_write_is_far_from_the_limits(progressive):
    data = saved("JPEG", scene(400, 300), progressive=progressive)
    frames("JPEG", data, Bounds(parts=40, scans=12))


def test_the_scans_of_a_preview_are_not_the_pictures():
    preview = segment(0xE1, b"Exif\0\0" + scans(8, 200))
    frames("JPEG", jpeg_with(preview), Bounds(40, 3))
    frames("JPEG", jpeg() + scans(8, 200), Bounds(40, 3))


def test_bytes_between_segments_are_parts_too():
    with pytest.raises(TooManyParts):
        frames("JPEG", jpeg()[:2] + b"\xff" * 100 + jpeg()[2:], Bounds(parts=90))


def test_strips_are_parts_of_a_tiff():
    out = io.BytesIO()
    Image.new("L", (4, 400)).save(out, "TIFF", tiffinfo={278: 1}, compression="tiff_lzw")
    with pytest.raises(TooManyParts):
        frames("TIFF", out.getvalue(), Bounds(parts=300))
    frames("TIFF", out.getvalue(), Bounds(parts=500))


@pytest.mark.parametrize("following", [8, 0, 2**32 - 1])
def test_directories_in_a_circle_or_nowhere_end_the_walk(following):
    frames("TIFF", tiff(grey_tiff(1, 1), following), Bounds(parts=20))


def test_short_sub_blocks_are_parts_of_a_gif_and_full_ones_are_not():
    def comment(length: int) -> bytes:
        return gif(9, 9, b"!\xfe" + (bytes((length,)) + b"x" * length) * 20 + b"\0", gif_frame())

    frames("GIF", comment(255), FEW)
    with pytest.raises(TooManyParts):
        frames("GIF", comment(1), FEW)


@given(st.sampled_from(["JPEG", "TIFF"]), st.binary(max_size=300))
def test_any_bytes_end_the_count(decoder, data):
    head = b"\xff\xd8" if decoder == "JPEG" else b"II*\0\x08\0\0\0"
    with contextlib.suppress(TooManyParts):
        assert frames(decoder, head + data) is None
