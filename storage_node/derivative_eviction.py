"""Which derivative leaves when room is needed: GreedyDual-Size (Cao and Irani, USITS 1997). Pure.

Each derivative has a worth: the cache's age when it was last asked for, plus the seconds that making it takes
for each byte it occupies. The least worth leaves, and the age rises to what it was worth. So a derivative
that nobody asks for is overtaken by the age sooner or later, and of two that were asked for at the same time
the one leaves that is cheaper to make again for the room it gives.
"""

from __future__ import annotations

BLOCK_BYTES = 4096
_LEAST_SECONDS = 0.001  # even what costs nothing to draw costs a process's turn


def footprint(size: int) -> int:
    """Bytes that a file of `size` occupies: a million tiny ones fill a disk as well."""
    return max(1, -(-size // BLOCK_BYTES)) * BLOCK_BYTES


class GreedyDual:
    """`age`: what the last one that left was worth; after a restart, what the least of all is worth."""

    def __init__(self, age: float = 0.0) -> None:
        self.age = age

    def worth(self, cost_seconds: float, occupied: int) -> float:
        """Of a derivative that is asked for now; `occupied` bytes."""
        return self.age + max(cost_seconds, _LEAST_SECONDS) / occupied

    def left(self, worth: float) -> None:
        """The one with this worth was evicted."""
        self.age = max(self.age, worth)
