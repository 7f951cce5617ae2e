"""Room for derivatives: what is least worth leaves, row and file, until there is enough.

Used by derivative_store.py, which holds its lock over every call. What leaves first: derivative_eviction.py.
"""

from __future__ import annotations

import logging

from storage_node.derivative import DerivativeKey
from storage_node.derivative_book import BookClosed, DerivativeBook
from storage_node.derivative_files import DerivativeFiles

log = logging.getLogger(__name__)

_AT_ONCE = 64


class DerivativeRoom:
    """`quota` bytes; `evictions` so far."""

    def __init__(self, quota: int, book: DerivativeBook, files: DerivativeFiles) -> None:
        self._quota, self._book, self._files = quota, book, files
        self.evictions = 0

    def make(self, occupied: int) -> None:
        """Evict until `occupied` bytes more are within the quota. `BookClosed`."""
        while (wanted := self._book.bytes + occupied - self._quota) > 0:
            if not self.evict(wanted):
                raise BookClosed("the quota is used up, and nothing can leave")

    def evict(self, wanted: int) -> int:
        """Some of the least worth, up to `wanted` bytes or a little more; the bytes freed. `BookClosed`.

        The files first: on a disk that is full there is no room to strike out a row before.
        """
        gone = self._book.least(wanted, _AT_ONCE)
        for kept in gone:
            self.unlink(kept.key)
        self._book.strike(gone)
        self.evictions += len(gone)
        return sum(kept.occupied for kept in gone)

    def unlink(self, key: DerivativeKey) -> None:
        """A file that stays has no row soon, so it is not served, and swept later."""
        try:
            self._files.remove(key)
        except OSError as error:
            log.warning("a derivative's file stays until it is swept: %s", error, extra=key.facts)
            self._book.unswept = True
