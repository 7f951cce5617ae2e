"""Every family of the corpus, in the order of the table. Pure."""

from __future__ import annotations

from corpus import (
    animations,
    at_the_limit,
    damage,
    dimension_bombs,
    frame_bombs,
    metadata,
    nested_boxes,
    odd_jpegs,
    polyglots,
    shapes,
    tiff_directories,
    unpacking_bombs,
    wrong_names,
)
from corpus.specimen import Family, Specimen

SEED = 2026  # of the published corpus
FAMILIES: tuple[Family, ...] = (
    dimension_bombs.specimens,
    frame_bombs.specimens,
    unpacking_bombs.specimens,
    at_the_limit.specimens,
    tiff_directories.specimens,
    nested_boxes.specimens,
    odd_jpegs.specimens,
    metadata.specimens,
    shapes.specimens,
    animations.specimens,
    polyglots.specimens,
    wrong_names.specimens,
    damage.truncations,
    damage.bit_flips,
)


def all_specimens(seed: int = SEED) -> tuple[Specimen, ...]:
    """The whole corpus; nothing is made yet."""
    return tuple(specimen for family in FAMILIES for specimen in family(seed))
