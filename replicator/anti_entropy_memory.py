"""What need not be looked at again soon: leaves that differ for a good reason, orders that just failed. Pure.

Two nodes may differ for long without anything missing here: the peer has not applied our tombstones yet, or
lacks what we have. Such a leaf is passed over while both its digests stay as they were. An order that failed
stands as wanted with the node, which tries it again by itself. Both are forgotten after a while, and
whenever the own node comes back: it may have lost something.
"""

from __future__ import annotations

from atoll.tree_diff import Leaf

FORGET_SECONDS = 600.0
MOST = 16_384  # of each kind; beyond it, it is looked at again


class Memory:
    """Of one peer; times are seconds of any clock that goes on."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._leaves: dict[tuple[str, int], tuple[str, str]] = {}
        self._failed: set[str] = set()

    def begin(self, now: float) -> None:
        """A comparison begins."""
        if abs(now - self._since) >= FORGET_SECONDS:  # a clock that was set back must not make it last
            self.forget()
            self._since = now

    def forget(self) -> None:
        """Look at everything again."""
        self._leaves.clear()
        self._failed.clear()

    def settle(self, leaf: Leaf) -> None:
        """Nothing of this leaf is missing here."""
        if len(self._leaves) < MOST:
            self._leaves[leaf.tree, leaf.number] = (leaf.here, leaf.there)

    def is_settled(self, leaf: Leaf) -> bool:
        """Whether it is as it was when nothing was missing."""
        return self._leaves.get((leaf.tree, leaf.number)) == (leaf.here, leaf.there)

    def failed(self, key: str) -> None:
        """The order called `key` failed."""
        if len(self._failed) < MOST:
            self._failed.add(key)

    def has_failed(self, key: str) -> bool:
        """Whether it did, not long ago."""
        return key in self._failed
