"""The memories of the node's other processes, told what to forget before a delete goes on. See workers/."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Memories(Protocol):
    """Where blobs and derivatives may be in memory beside this process."""

    async def forget(self, blobs: Sequence[tuple[str, str]]) -> None:
        """Return once none of them has these (bucket, sha256) any more, or will answer with them."""


class NoOthers:
    """The node is one process."""

    async def forget(self, blobs: Sequence[tuple[str, str]]) -> None:
        """Nothing to be told."""
