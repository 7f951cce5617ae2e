"""A JPEG is decoded no larger than needed, and shows the same picture at every scale."""

from __future__ import annotations

import functools
import io
import math
import random

import pytest
from PIL import Image

from storage_node.rendering.jpeg_scale import decode_reduced
from storage_node.rendering.metric import similarity


@functools.cache
def jpeg(width, height, mode="RGB", **options):
    noise = Image.frombytes("RGB", (40, 30), random.Random(5).randbytes(40 * 30 * 3))
    out = io.BytesIO()
    noise.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(
        out, "JPEG", quality=92, **options
    )
    return out.getvalue()


@functools.cache
def resized(data, size):
    """What a decoder shows that reads all of it and makes it small afterwards."""
    return Image.open(io.BytesIO(data)).convert("RGB").resize(size, Image.Resampling.LANCZOS)


def reduced(data, least):
    image = Image.open(io.BytesIO(data))
    decode_reduced(image, least)
    image.load()
    return image


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(
    ("least", "decoded"),
    [
        ((1, 1), (200, 150)),
        ((200, 150), (200, 150)),
        ((201, 100), (400, 300)),
        ((100, 301), (600, 450)),
        ((512, 384), (600, 450)),
        ((600, 450), (600, 450)),
        ((601, 10), (800, 600)),
        ((801, 10), (1600, 1200)),
        ((1600, 1200), (1600, 1200)),
    ],
)
def test_the_smallest_scale_that_is_not_too_small_shows_the_picture(mode, progressive, least, decoded):
    data = jpeg(1600, 1200, mode, progressive=progressive)
    found = reduced(data, least)
    assert found.size == decoded
    assert found.mode == mode
    assert similarity(resized(data, decoded), found.convert("RGB")) > 0.97


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (9, 1), (17, 33), (101, 67), (1601, 1199)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_no_size_is_odd_enough_to_fail(size, subsampling):
    data = jpeg(*size, subsampling=subsampling)
    for part in (1, 2, 3, 4, 8):
        least = max(1, size[0] // part), max(1, size[1] // part)
        found = reduced(data, least)
        assert found.width >= least[0]
        assert found.height >= least[1]


@pytest.mark.parametrize(("part", "made"), [(3, 3), (2.2, 4), (5, 2), (9, 1)])
def test_odd_sides_are_decoded_as_small_as_even_ones(part, made):
    image = Image.open(io.BytesIO(jpeg(1601, 1199)))
    extent = decode_reduced(image, (round(1601 / part), round(1199 / part)))
    image.load()
    assert image.size == (math.ceil(1601 * made / 8), math.ceil(1199 * made / 8))
    assert extent == (0, 0, 1601 * made / 8, 1199 * made / 8)


def test_what_is_truncated_is_found_at_this_scale_too():
    data = jpeg(1600, 1200)
    with pytest.raises(OSError, match="truncated"):
        reduced(data[: len(data) // 2], (600, 450))
