"""Resizing in bands gives what resizing in one go gives."""

from __future__ import annotations

import random

import pytest
from PIL import Image, ImageChops

from storage_node.rendering import resample


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
