"""What the outbox has published and not yet struck out of the index.

To strike an event out costs a commit, as much as to store one. It need not be durable at once – an event
that is published twice is dropped by its stream – so it is done for many together, a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from contextlib import suppress

from atoll.errors import AtollError
from storage_node.index import Index
from storage_node.index_ops import published

STRIKE_AFTER_SECONDS = 0.5


class OutboxNotes:
    """`limit` is how many may be left standing; `clock` gives monotonic seconds."""

    def __init__(self, index: Index, limit: int, clock: Callable[[], float]) -> None:
        self._index, self._limit, self._clock = index, limit, clock
        self._seqs: set[int] = set()
        self._due_at = 0.0

    def __len__(self) -> int:
        return len(self._seqs)

    @property
    def seqs(self) -> Container[int]:
        """The rows that are still in the index and need not be published."""
        return self._seqs

    def add(self, seqs: Sequence[int]) -> None:
        """These are in their stream."""
        if seqs and not self._seqs:
            self._due_at = self._clock() + STRIKE_AFTER_SECONDS
        self._seqs.update(seqs)

    @property
    def wait(self) -> float | None:
        """Seconds until it is time to strike them out; None when there are none."""
        if not self._seqs:
            return None
        return 0.0 if len(self._seqs) >= self._limit else max(0.0, self._due_at - self._clock())

    async def strike(self) -> None:
        """Strike them out, durably. `Failed` when the disk refuses: they stay noted here."""
        struck = set(self._seqs)
        await asyncio.wrap_future(self._index.write(published(sorted(struck))))
        self._seqs -= struck

    def strike_at_end(self) -> None:
        """The same when nobody waits any more: the index commits what waits before it closes."""
        if self._seqs:
            with suppress(AtollError):  # then they are published once more
                self._index.write(published(sorted(self._seqs)))
