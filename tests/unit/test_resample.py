"""Resizing gives what Lanczos says, at once or in bands, with the vector instructions or without."""

from __future__ import annotations

import platform
import random
import sys

import pytest
from PIL import Image, ImageChops

from storage_node.rendering import lanczos, resample


def noise(width, height, mode="RGB"):
    """Levels 64 to 191: bands may go over height and width in another order, which cut levels show."""
    levels = bytes(64 + value // 2 for value in random.Random(1).randbytes(width * height * 3))
    return Image.frombytes("RGB", (width, height), levels).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(300, 220), (251, 133), (80, 61), (500, 401)])
@pytest.mark.parametrize("box", [None, (10.25, 33.5, 390.0, 287.75)])
def test_bands_show_no_seam(monkeypatch, mode, size, box):
    image = noise(400, 300, mode)
    whole = resample.resampled(image, size, box)
    monkeypatch.setattr(resample, "_MOST_BETWEEN", 0)
    monkeypatch.setattr(resample, "_BAND", 5 * 1200)
    made = resample.resampled(image, size, box)
    assert made.size == whole.size
    highest = ImageChops.difference(made, whole).getextrema()
    levels = [highest[1]] if mode == "L" else [high for _, high in highest]
    assert max(levels) <= 2


def test_a_picture_of_one_row_is_a_band_too(monkeypatch):
    monkeypatch.setattr(resample, "_MOST_BETWEEN", 0)
    monkeypatch.setattr(resample, "_BAND", 1)
    assert resample.resampled(noise(50, 40), (70, 1)).size == (70, 1)
    assert resample.resampled(noise(50, 1), (20, 30)).size == (20, 30)


def exact(image, size, box):
    """By Pillow in floating point, each band by itself, no blocks beforehand."""
    bands = [
        band.convert("F").resize(size, Image.Resampling.LANCZOS, box=box).convert("L")
        for band in image.split()
    ]
    return Image.merge(image.mode, bands)


def mean_difference(one, other):
    levels = ImageChops.difference(one, other).tobytes()
    return sum(levels) / len(levels)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(300, 220), (133, 251), (80, 61), (500, 401), (20, 220)])
@pytest.mark.parametrize("box", [(0, 0, 400, 300), (10.25, 33.5, 390.0, 287.75), (0.0, 0.1, 399.9, 300)])
def test_every_pixel_is_what_lanczos_says(monkeypatch, fast, mode, size, box):
    if not fast:
        monkeypatch.setattr(lanczos, "FAST_MODES", frozenset())
    image = noise(400, 300, mode)
    made = resample.resampled(image, size, box)
    assert (made.size, made.mode) == (size, mode)
    assert mean_difference(made, exact(image, size, box)) < (2 if size[0] == 20 else 0.6)  # blocks: nearly


def test_whatever_makes_it_what_is_transparent_lends_no_colour():
    image = Image.new("RGBA", (90, 60), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (45, 0, 90, 60))
    made = resample.resampled(image, (31, 20))
    seen = [made.getpixel((x, 10)) for x in range(31)]
    assert all(red == 0 for red, _, _, alpha in seen if alpha)
    assert seen[0][3] == 0
    assert seen[-1] == (0, 0, 255, 255)


def test_a_picture_keeps_what_is_known_of_it():
    image = noise(40, 30)
    image.info["icc_profile"] = b"a profile"
    assert resample.resampled(image, (20, 15)).info == {"icc_profile": b"a profile"}


def test_the_wheel_for_this_machine_is_used():
    assert bool(lanczos.FAST_MODES) is (platform.machine() == "x86_64" or sys.platform == "darwin")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA"])
@pytest.mark.parametrize("size", [(300, 220), (133, 251), (500, 401), (40, 30), (20, 220)])
@pytest.mark.parametrize("box", [None, (10.25, 33.5, 390.0, 287.75)])
def test_nodes_with_the_wheel_and_without_make_the_same_picture(monkeypatch, mode, size, box):
    image = noise(400, 300, mode)
    with_it = resample.resampled(image, size, box)
    monkeypatch.setattr(lanczos, "FAST_MODES", frozenset())
    without = resample.resampled(image, size, box)
    assert max(ImageChops.difference(with_it, without).tobytes()) <= 2
