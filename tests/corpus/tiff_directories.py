"""TIFF directories that go deep, round in circles, or read the same bytes many thousand times."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial

from corpus.bricks import Entry, directory, exif, grey_tiff, jpeg_with, tiff
from corpus.specimen import HARMLESS, REFUSED, UNDECODABLE, Specimen

FAMILY = "tiff directories"
_EXIF_POINTER, _SUB_IFDS, _MAKER_NOTE = 0x8769, 330, 0x927C


def specimens(_seed: int) -> Iterator[Specimen]:
    """As files, and as EXIF in a JPEG, which is read by the same code."""
    yield _case("is-its-own-next.tiff", lambda: tiff(grey_tiff(1, 1), 8), HARMLESS)
    yield _case("two-in-a-circle.tiff", _circle, HARMLESS)
    yield _case("nested-20000-deep.tiff", partial(_nested, 20_000), HARMLESS)
    yield _case("without-a-directory.tiff", lambda: b"II*\0\x08\0\0\0", (UNDECODABLE,))
    yield _case("directory-outside.tiff", lambda: b"II*\0\xff\xff\xff\xff" + bytes(64), (UNDECODABLE,))
    yield _case("empty-directory.tiff", lambda: tiff([]), (UNDECODABLE,))
    yield _case("sixty-thousand-times-a-megabyte.tiff", partial(_overlapping, 60_000, 1 << 20), HARMLESS)
    yield _case("values-of-4-gigabytes.tiff", partial(_claims, 2**32 - 1), HARMLESS)
    yield _case("a-million-strips.tiff", partial(_strips, 1_000_000), (UNDECODABLE,))
    yield _case("65535-bits-a-sample.tiff", lambda: tiff(grey_tiff(10, 10, (258, 3, 1, 65_535))), REFUSED)
    yield _case("65535-samples.tiff", lambda: tiff(grey_tiff(10, 10, (277, 3, 1, 65_535))), HARMLESS)
    yield _case("tiles-of-4-gigapixels.tiff", _tiles, HARMLESS)
    yield _case(
        "rows-per-strip-0.tiff", lambda: tiff(grey_tiff(10, 10, (278, 4, 1, 0), (279, 4, 1, 100))), HARMLESS
    )
    yield _case("exif-is-its-own-next.jpg", lambda: _jpeg(tiff([(274, 3, 1, 1)], 8)), HARMLESS)
    yield _case("exif-in-exif.jpg", lambda: _jpeg(tiff([(_EXIF_POINTER, 4, 1, 8)])), HARMLESS)
    yield _case("exif-of-5000-overlapping.jpg", lambda: _jpeg(_overlapping(3000, 20_000)[:65_000]), HARMLESS)
    yield _case("exif-of-many-segments.jpg", _many_segments, HARMLESS)


def _case(name: str, make, expected: tuple[str, ...]) -> Specimen:
    return Specimen(name, FAMILY, "CPU and memory: directories and their values", expected, make)


def _jpeg(body: bytes) -> bytes:
    return jpeg_with(exif(body))


def _circle() -> bytes:
    first = directory(grey_tiff(1, 1), 8 + len(directory(grey_tiff(1, 1))))
    return b"II*\0\x08\0\0\0" + first + directory(grey_tiff(1, 1), 8)


def _nested(depth: int) -> bytes:
    """Every directory is the sub-directory of the one before."""
    size = len(directory([*grey_tiff(1, 1), (_SUB_IFDS, 4, 1, 0)]))
    nested = (directory([*grey_tiff(1, 1), (_SUB_IFDS, 4, 1, 8 + size * (n + 1))]) for n in range(depth))
    return b"II*\0\x08\0\0\0" + b"".join(nested) + directory(grey_tiff(1, 1))


def _overlapping(count: int, size: int) -> bytes:
    """All values are the same long run of bytes at the file's end: read one by one they are gigabytes."""
    known = {entry[0] for entry in grey_tiff(10, 10)}
    end = 8 + 2 + 12 * count + 4
    more: list[Entry] = [(tag, 7, size, end) for tag in range(1, count + 1 + len(known)) if tag not in known]
    entries = sorted([*grey_tiff(10, 10), *more])[:count]
    return tiff(entries, rest=b"\0" * size)


def _claims(count: int) -> bytes:
    return tiff(sorted([*grey_tiff(10, 10), (_MAKER_NOTE, 7, count, 8), (700, 1, count, 8)]))


def _strips(count: int) -> bytes:
    """As many strips as rows, each a byte long."""
    entries = grey_tiff(1, count, (273, 4, count, 0), (278, 4, 1, 1), (279, 4, count, 0))
    at = 8 + 2 + 12 * len(entries) + 4
    entries = grey_tiff(1, count, (273, 4, count, at), (278, 4, 1, 1), (279, 4, count, at + 4 * count))
    return tiff(entries, rest=struct.pack("<I", 8) * count + struct.pack("<I", 1) * count)


def _tiles() -> bytes:
    entries = [entry for entry in grey_tiff(100, 100) if entry[0] not in {273, 278, 279}]
    tiles = [(322, 4, 1, 65_536), (323, 4, 1, 65_536), (324, 4, 1, 8), (325, 4, 1, 100)]
    return tiff([*entries, *tiles])


def _many_segments() -> bytes:
    """EXIF over many segments, which Pillow puts together: a directory whose values all overlap."""
    body = _overlapping(40_000, 1 << 20)
    parts = [body[at : at + 65_000] for at in range(0, len(body), 65_000)]
    return jpeg_with(*(exif(part) for part in parts))
