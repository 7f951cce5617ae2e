"""Which derivative leaves when room is needed: GreedyDual-Size (Cao and Irani, USITS 1997). Pure.

Each derivative has a worth: the cache's age when it was last asked for, plus the seconds that making it takes
for each byte it occupies. The least worth leaves, and the age rises to what it was worth. So a derivative
that nobody asks for is overtaken by the age sooner or later, and of two that were asked for at the same time
the one leaves that is cheaper to make again for the room it gives.
"""

from __future__ import annotations

from typing import NamedTuple

BLOCK_BYTES = 4096
_LEAST_SECONDS = 0.001  # even what costs nothing to draw costs a process's turn


def footprint(size: int) -> int:
    """Bytes that a file of `size` occupies: a million tiny ones fill a disk as well."""
    return max(1, -(-size // BLOCK_BYTES)) * BLOCK_BYTES


class Worth(NamedTuple):
    """The least leaves first. `turn` counts asks: of equal worth, the one asked for longest ago leaves."""

    worth: float
    turn: int


class GreedyDual:
    """`age`: what the last one that left was worth; after a restart, what the least of all is worth.

    `turn`: of the last ask.
    """

    def __init__(self, age: float = 0.0, turn: int = 0) -> None:
        self.age, self.turn = age, turn

    def asked(self, cost_seconds: float, occupied: int) -> Worth:
        """The worth of a derivative that is asked for now; `occupied` bytes."""
        self.turn += 1
        return Worth(self.age + max(cost_seconds, _LEAST_SECONDS) / occupied, self.turn)

    def left(self, worth: Worth) -> None:
        """The one with this worth was evicted."""
        self.age = max(self.age, worth.worth)
