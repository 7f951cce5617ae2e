"""Who this node is, as its events say it, its clock, and its patience with what overtakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from atoll.ids import new_id
from atoll.ids import now_ms as wall_clock_ms


class Stamp(TypedDict):
    """The fields that every event has."""

    id: str
    at: int
    node: str
    region: str
    set: str


@dataclass(frozen=True)
class Origin:
    """Node, region and set of this daemon; `now_ms` is its clock (Unix milliseconds).

    `moved_seconds`: how long bytes are kept whose rename was heard of before the records that use them now.
    """

    node: str
    region: str
    set: str
    now_ms: Callable[[], int] = wall_clock_ms
    moved_seconds: int = 600

    def stamp(self, at: int) -> Stamp:
        """The common fields of an event that happened `at`."""
        return Stamp(id=new_id(at), at=at, node=self.node, region=self.region, set=self.set)
