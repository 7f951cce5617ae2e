"""AVIF and HEIC: boxes in boxes, lengths that lie, and pictures made of themselves."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import partial

import pillow_heif
from picture_maker import scene

from corpus.bricks import box, patched, patched_after
from corpus.samples import sample
from corpus.specimen import HARMLESS, REFUSED, UNDECODABLE, Specimen

FAMILY = "nested boxes"
_HEADS = {
    "heic": box(b"ftyp", b"heic\0\0\0\0mif1heic"),
    "avif": box(b"ftyp", b"avif\0\0\0\0mif1avif"),
}


def specimens(_seed: int) -> Iterator[Specimen]:
    """Both formats share their container."""
    for suffix in _HEADS:
        still = f"still.{suffix}"
        yield _case(f"nested-100000-deep.{suffix}", partial(_deep, suffix, 100_000), REFUSED)
        yield _case(f"a-million-boxes.{suffix}", partial(_wide, suffix, 1_000_000), REFUSED)
        yield _case(f"a-million-boxes-outside.{suffix}", partial(_outside, still, 1_000_000), (UNDECODABLE,))
        yield _case(f"length-of-a-petabyte.{suffix}", partial(_length, still), REFUSED)
        yield _case(
            f"places-outside.{suffix}",
            partial(patched_after, sample(still), b"iloc", 10, b"\xff" * 8),
            HARMLESS,
        )
        yield _case(f"no-picture-in-it.{suffix}", partial(_bare, suffix), (UNDECODABLE,))
        yield _case(
            f"65535-properties.{suffix}",
            partial(patched_after, sample(still), b"ipma", 4, b"\0\0\xff\xff"),
            HARMLESS,
        )
    yield _case("grid-of-itself.heic", _itself, HARMLESS)


def _case(name: str, make, expected: tuple[str, ...]) -> Specimen:
    return Specimen(name, FAMILY, "CPU, memory and stack: boxes", expected, make)


def _deep(suffix: str, depth: int) -> bytes:
    whole = b"".join(struct.pack(">I", 8 * (depth - n)) + b"moov" for n in range(depth))
    return _HEADS[suffix] + box(b"meta", b"\0\0\0\0" + whole)


def _wide(suffix: str, count: int) -> bytes:
    return _HEADS[suffix] + box(b"meta", b"\0\0\0\0" + box(b"free", b"") * count)


def _outside(still: str, count: int) -> bytes:
    return sample(still) + box(b"free", b"") * count


def _length(still: str) -> bytes:
    data = sample(still)
    at = data.index(b"mdat") - 4
    return data[:at] + struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", 1 << 50) + data[at + 8 :]


def _bare(suffix: str) -> bytes:
    return _HEADS[suffix] + box(b"meta", b"\0\0\0\0") + box(b"mdat", bytes(64))


def _itself() -> bytes:
    """A grid whose tiles are the grid."""
    file = pillow_heif.HeifFile()
    file.add_from_pillow(scene(128, 128))
    out = io.BytesIO()
    file.save(out, quality=50, tile_size=64)
    data = out.getvalue()
    at = data.index(b"dimg") + 4
    grid, count = data[at : at + 2], struct.unpack_from(">H", data, at + 2)[0]
    return patched(data, at + 4, grid * count)
