"""Whole pictures under names of other types: the bytes decide, and a claim that disagrees is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from corpus.bricks import jpeg, patched
from corpus.samples import sample
from corpus.specimen import ACCEPTED, MISMATCH, NO_IMAGE, REFUSED, UNDECODABLE, Specimen

FAMILY = "wrong names"
_OF_TYPE = (
    "baseline.jpg",
    "rgb.png",
    "lossy.webp",
    "still.gif",
    "still.avif",
    "still.heic",
    "raw.tiff",
    "rgb.bmp",
)


def specimens(_seed: int) -> Iterator[Specimen]:
    """Every type called by the next one's suffix; then names that claim nothing, and magic that lies."""
    for name, other in zip(_OF_TYPE, (*_OF_TYPE[1:], _OF_TYPE[0]), strict=True):
        suffix = other.rpartition(".")[2]
        yield _case(f"{name.replace('.', '-')}-called.{suffix}", partial(sample, name), (MISMATCH,))
    yield _case("picture-called.html", jpeg, (ACCEPTED,))
    yield _case("picture-called.php.jpg", jpeg, (ACCEPTED,))
    yield _case("picture-called-nothing", jpeg, (ACCEPTED,))
    yield _case("magic-of-png-on-jpeg.png", lambda: patched(jpeg(), 0, b"\x89PNG\r\n\x1a\n"), REFUSED)
    yield _case(
        "magic-of-jpeg-on-png.jpg", lambda: patched(sample("rgb.png"), 0, b"\xff\xd8\xff"), (UNDECODABLE,)
    )
    yield _case("avif-brand-on-heic.avif", lambda: patched(sample("still.heic"), 8, b"avif"), (UNDECODABLE,))
    yield _case(
        "heic-brand-on-avif.heic", lambda: patched(sample("still.avif"), 8, b"heic"), (UNDECODABLE, ACCEPTED)
    )
    yield _case("canon-raw.tiff", lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(64), (NO_IMAGE,))
    yield _case("big.tiff", lambda: b"II+\0\x08\0\0\0" + bytes(64), (NO_IMAGE,))


def _case(name: str, make, expected: tuple[str, ...]) -> Specimen:
    return Specimen(name, FAMILY, "correctness: what it is called is not what it is", expected, make)
