"""How full nodes, sets and the cluster are, from the last heartbeats. Pure.

Every member of a set gets every blob, so a set is as full as its fullest member, and has the room of the
member with the least. A silent node's last word still counts: its disk did not empty when it fell silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from monitor.node_table import NodeRow
from monitor.sample import Scope as Scope
from monitor.sample import Subject as Subject

T = TypeVar("T")


class Reading(NamedTuple):
    """How full a subject is: bytes, and percent used (three decimals, so that 77 % is exactly 77)."""

    subject: Subject
    region: str | None
    set: str
    bytes_total: int
    bytes_free: int
    used_percent: float


def node_readings(rows: Iterable[NodeRow]) -> list[Reading]:
    """One reading per node that has ever said how large its disk is."""
    return [
        Reading(
            Subject("node", row.node.name),
            row.node.region,
            row.node.set,
            row.beat.bytes_total,
            row.beat.bytes_free,
            used_percent(row.beat.bytes_total, row.beat.bytes_free),
        )
        for row in rows
        if row.beat and row.beat.bytes_total
    ]


def grouped(things: Iterable[T], name: Callable[[T], str]) -> list[tuple[str, list[T]]]:
    """By name, in one go: a pass over all nodes for each set would grow with the square of the cluster."""
    found: dict[str, list[T]] = {}
    for thing in things:
        found.setdefault(name(thing), []).append(thing)
    return sorted(found.items())


def set_readings(nodes: Iterable[Reading]) -> list[Reading]:
    """One reading per set: its fullest member's percentage, its smallest free space and total."""
    return [
        Reading(
            Subject("set", name),
            None,
            name,
            min(r.bytes_total for r in members),
            min(r.bytes_free for r in members),
            max(r.used_percent for r in members),
        )
        for name, members in grouped(nodes, lambda reading: reading.set)
    ]


def used_percent(total: int, free: int) -> float:
    """0 to 100, rounded to three decimals; a disk of no bytes counts as full."""
    if total <= 0:
        return 100.0
    return round(100 * (total - min(free, total)) / total, 3)
