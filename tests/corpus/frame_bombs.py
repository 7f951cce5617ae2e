"""Animations and pages without end, or each of them large: together they take what no single one may."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

from picture_maker import animation
from PIL import Image

from corpus.bricks import chunk, directory, gif, gif_frame, grey_tiff, patched_after, png, rows
from corpus.samples import sample
from corpus.specimen import HARMLESS, REFUSED, TOO_MANY, Specimen

FAMILY = "frame bombs"


def specimens(_seed: int) -> Iterator[Specimen]:
    """Too many frames, or too large ones."""
    yield _bomb("61-frames.gif", partial(_gif, 61, 10))
    yield _bomb("100000-frames.gif", partial(_gif, 100_000, 10), REFUSED)
    yield _bomb("50-frames-on-a-large-canvas.gif", partial(_gif, 50, 3000))
    yield _bomb("61-frames.webp", partial(_drawn, "WEBP", 61, 8))
    yield _bomb("3-frames-of-25-megapixels.webp", partial(_drawn, "WEBP", 3, 5000))
    yield _bomb("61-frames.avif", partial(_drawn, "AVIF", 61, 16))
    yield _bomb("4294967295-samples.avif", _samples, REFUSED)
    yield _bomb("claims-a-million-frames.png", partial(_apng, 1_000_000))
    yield _bomb("claims-4294967295-frames.png", partial(_apng, 2**32 - 1), HARMLESS)
    yield _bomb("61-pages.tiff", partial(_pages, 61))
    yield _bomb("50000-pages.tiff", partial(_pages, 50_000), REFUSED)
    yield _bomb("5-pages-of-16-megapixels.tiff", partial(_pages, 5, 4000), HARMLESS)


def _bomb(name: str, make, expected: tuple[str, ...] = (TOO_MANY,)) -> Specimen:
    return Specimen(name, FAMILY, "CPU and memory: frames or pages", expected, make)


def _gif(count: int, side: int) -> bytes:
    return gif(side, side, gif_frame() * count)


def _drawn(decoder: str, count: int, side: int) -> bytes:
    frames = [Image.new("RGB", (side, side), (n * 4 % 256, 0, n % 256)) for n in range(count)]
    options = {"speed": 10, "max_threads": 1} if decoder == "AVIF" else {"method": 0, "lossless": True}
    return animation(decoder, frames, duration=[20] * count, **options)


def _samples() -> bytes:
    """The sample table of an AVIF sequence claims more samples than there are bytes."""
    return patched_after(sample("moving.avif"), b"stsz", 8, b"\xff\xff\xff\xff")


def _apng(count: int) -> bytes:
    return png(10, 10, chunk(b"acTL", struct.pack(">II", count, 0)), data=rows(10, 10))


def _pages(count: int, side: int = 1) -> bytes:
    """Pages that all show the same byte; large ones have no pixels in the file at all."""
    entries = grey_tiff(side, side)
    size = len(directory(entries))
    pages = (directory(entries, 8 + size * (n + 1) if n + 1 < count else 0) for n in range(count))
    return b"II*\0\x08\0\0\0" + b"".join(pages)
