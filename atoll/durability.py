"""How many regions must hold an upload before it is acknowledged: `local`, `regions:N` or `all`. Pure.

Asked of a ticket, else a bucket's default, else `local`: one region, the rest follows by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated

from msgspec import Meta

from atoll.errors import BadRequest

Durability = Annotated[str, Meta(pattern=r"^(?:local|all|regions:[1-9][0-9]?)$(?!\n)")]
LOCAL: Durability = "local"

_GRAMMAR = re.compile(r"local|all|regions:(?P<count>[1-9][0-9]?)", re.ASCII)


def check_durability(text: str) -> str:
    """`text` if it is one; `BadRequest` otherwise."""
    if not _GRAMMAR.fullmatch(text):
        raise BadRequest(
            "durability is local, all, or regions:N with N from 1 to 99.",
            parameter="durability",
            got=text[:40],
        )
    return text


def regions_needed(durability: str, regions: Collection[str]) -> int:
    """How many of the set's regions must confirm. May be more than there are: see `check_possible`."""
    match = _GRAMMAR.fullmatch(durability)
    if match is None or durability == "local":
        return 1
    return max(1, len(regions)) if durability == "all" else int(match["count"])


def check_possible(durability: str, regions: Collection[str]) -> None:
    """`BadRequest` when a set in these regions can never confirm so many."""
    needed = regions_needed(durability, regions)
    if needed > max(1, len(regions)):
        raise BadRequest(
            f"No set of this cluster can confirm {needed} regions; this one has {len(regions)}.",
            parameter="durability",
            limit=len(regions),
            got=needed,
        )
