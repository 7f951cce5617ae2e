"""Containers are read to their end without decoding, and without believing what they claim."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from storage_node.container_outline import Malformed, Truncated, canvas, frames

WALKED = ("GIF", "PNG", "WEBP", "AVIF", "HEIF")


def animation(decoder: str, count: int) -> bytes:
    first, *rest = (Image.new("RGB", (31, 17), (n * 40 % 256, n, 0)) for n in range(count))
    out = io.BytesIO()
    first.save(out, decoder, save_all=True, append_images=rest, duration=50)
    return out.getvalue()


@pytest.mark.parametrize("decoder", ["GIF", "PNG", "WEBP"])
def test_canvas_and_frames_are_known_before_decoding(decoder):
    data = animation(decoder, 4)
    assert canvas(decoder, data) == (31, 17)
    assert frames(decoder, data) == (None if decoder == "WEBP" else 4)


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_canvas_is_read_from_each_of_its_encodings(lossless):
    out = io.BytesIO()
    Image.new("RGB", (300, 20)).save(out, "WEBP", lossless=lossless)
    assert canvas("WEBP", out.getvalue()) == (300, 20)


@pytest.mark.parametrize("decoder", WALKED[:-1])
def test_every_truncation_is_found(decoder):
    data = animation(decoder, 3)
    frames(decoder, data)
    # A cut between two boxes is the decoder's to find: the boxes that are there are whole.
    for end in range(12, len(data)) if decoder != "AVIF" else (40, len(data) // 2, len(data) - 1):
        with pytest.raises(Truncated):
            frames(decoder, data[:end])


@pytest.mark.parametrize("decoder", ["GIF", "PNG", "WEBP", "AVIF"])
def test_bytes_after_the_end_are_not_the_picture(decoder):
    data = animation(decoder, 2)
    assert frames(decoder, data + b"appended by a camera") == frames(decoder, data)


def test_a_gif_block_that_does_not_exist_is_malformed():
    with pytest.raises(Malformed):
        frames("GIF", b"GIF89a\1\0\1\0\0\0\0?")


def test_padding_between_gif_blocks_is_skipped():
    assert frames("GIF", b"GIF89a\1\0\1\0\0\0\0\0\0;") == 0


def test_a_box_with_a_length_of_64_bits_is_followed():
    long_box = b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"1234"
    assert frames("HEIF", long_box + b"\0\0\0\x08free") is None
    with pytest.raises(Truncated):
        frames("HEIF", long_box[:-1])
    with pytest.raises(Malformed):
        frames("HEIF", b"\0\0\0\4mdat")


@pytest.mark.parametrize("decoder", ["JPEG", "TIFF"])
def test_what_needs_no_walk_is_left_to_its_decoder(decoder):
    assert canvas(decoder, b"") is None
    assert frames(decoder, b"") is None


@given(st.sampled_from(WALKED), st.binary(max_size=300))
def test_any_bytes_end_the_walk(decoder, data):
    for read in (canvas, frames):
        with contextlib.suppress(Truncated, Malformed):
            read(decoder, data)
