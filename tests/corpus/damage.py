"""Files cut off at every tenth, and files with a few bits turned: what bad links and bad disks make."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from corpus.samples import NAMES, sample
from corpus.specimen import EMPTY, HARMLESS, NO_IMAGE, UNDECODABLE, Specimen, dice

_FLIPPED_FILES = 12  # of each sample
_BITS = 4  # of each file
_HEAD = 64  # bytes: half of the bits are turned here, where they mean most


def truncations(_seed: int) -> Iterator[Specimen]:
    """Every sample without its end, and without anything."""
    for name in NAMES:
        for tenth in range(1, 10):
            yield Specimen(
                f"{tenth}-tenths-of-{name}",
                "truncations",
                "correctness: a file whose end is missing",
                (UNDECODABLE, NO_IMAGE),
                partial(_cut, name, tenth),
            )
    yield Specimen("nothing.jpg", "truncations", "correctness: no bytes at all", (EMPTY,), lambda: b"")
    yield Specimen(
        "magic.jpg", "truncations", "correctness: magic alone", (UNDECODABLE,), lambda: b"\xff\xd8\xff"
    )


def bit_flips(seed: int) -> Iterator[Specimen]:
    """Every sample with bits turned, by the seed."""
    for name in NAMES:
        for number in range(_FLIPPED_FILES):
            yield Specimen(
                f"flipped-{number}-{name}",
                "bit flips",
                "decoders: a few bits turned",
                (*HARMLESS, NO_IMAGE, "type-mismatch"),
                partial(_flipped, name, seed, number),
            )


def _cut(name: str, tenth: int) -> bytes:
    data = sample(name)
    return data[: len(data) * tenth // 10]


def _flipped(name: str, seed: int, number: int) -> bytes:
    data = bytearray(sample(name))
    chance = dice(seed, f"{name}:{number}")
    for turn in range(_BITS):
        at = chance.randrange(12, min(_HEAD * 8, len(data))) if turn % 2 else chance.randrange(12, len(data))
        data[at] ^= 1 << chance.randrange(8)
    return bytes(data)
