"""One hostile file: its name, what it attacks, and which verdicts on it are right. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Verdicts: the slugs of the node's problem documents, or taken as a picture.
ACCEPTED = "accepted"
TOO_MANY = "too-many-pixels"
UNDECODABLE = "undecodable"
NO_IMAGE = "not-an-image"
MISMATCH = "type-mismatch"
EMPTY = "empty-body"
VERDICTS = (ACCEPTED, TOO_MANY, UNDECODABLE, NO_IMAGE, MISMATCH, EMPTY)
REFUSED = (TOO_MANY, UNDECODABLE)  # by the decoder, whichever limit it meets first
HARMLESS = (ACCEPTED, *REFUSED)  # damage: a decoder may draw it or not


@dataclass(frozen=True, slots=True)
class Specimen:
    """`name` is a file name whose suffix is a claim like any uploader's; `expected` are verdicts."""

    name: str
    family: str
    attacks: str
    expected: tuple[str, ...]
    make: Callable[[], bytes]


Family = Callable[[int], Iterable[Specimen]]


def dice(seed: int, name: str) -> random.Random:
    """Chance that depends on the seed and the file, not on which files were made before."""
    return random.Random(f"{seed}:{name}")
