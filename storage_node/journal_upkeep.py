"""Keeps the journal short: when it has grown to twice what the index has to say, it is written anew.

The index's writer ends the segment, so that all before it is committed; then one thread writes down what
the index has, in one snapshot, and puts it in the place of what was before. Uploads go on meanwhile.

While it is written both lie on the disk. A disk that is nearly full has no room for that: its reserve is for
tombstones and records, and the journal stays long until there is room again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from atoll.errors import AtollError
from storage_node.index import Index
from storage_node.index_journal import IndexJournal

log = logging.getLogger(__name__)

FLOOR_BYTES = 64 * 2**20
_CHECK_SECONDS = 60.0
_AGAIN_SECONDS = 600.0  # after one that failed: it may have written as much as there is


def _boundless(_size: int) -> bool:
    return True


class JournalUpkeep:
    """`floor` is the size below which nothing is done, in bytes. `has_room`: whether so many more bytes may
    lie on the disk for a while (`SpaceGuard.has_room`)."""

    def __init__(
        self,
        index: Index,
        journal: IndexJournal,
        threads: Executor,
        floor: int = FLOOR_BYTES,
        has_room: Callable[[int], bool] = _boundless,
    ) -> None:
        self._index, self._journal, self._threads, self._floor = index, journal, threads, floor
        self._has_room = has_room
        self._limit = floor
        self._put_off = False

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            wait = _CHECK_SECONDS
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self.compact_if_long)
            except AtollError as error:  # the disk failed, say: the old segments are all still there
                log.error("the journal was not compacted: %s", error.detail)
                wait = _AGAIN_SECONDS
            await asyncio.sleep(wait)

    def compact_if_long(self) -> bool:
        """Whether it was. Blocking."""
        before = self._journal.size
        if before < self._limit or not self._fits(before):
            return False
        ended = self._index.write(self._journal.end_segment).result()
        self._index.read(lambda db: self._journal.replace(db, ended))
        after = self._journal.size
        self._limit = max(self._floor, 2 * after)
        log.info("the journal was compacted", extra={"before": before, "after": after})
        return True

    def _fits(self, size: int) -> bool:
        """Whether what the index has to say fits beside a journal of `size` bytes, which has said it all."""
        put_off, self._put_off = self._put_off, not self._has_room(size)
        if self._put_off and not put_off:
            log.warning("the journal stays long until there is room to compact it", extra={"bytes": size})
        return not self._put_off
