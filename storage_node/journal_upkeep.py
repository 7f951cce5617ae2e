"""Keeps the journal short: when it has grown to twice what the index has to say, it is written anew.

The index's writer ends the segment, so that all before it is committed; then one thread writes down what
the index has, in one snapshot, and puts it in the place of what was before. Uploads go on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor

from atoll.errors import AtollError
from storage_node.index import Index
from storage_node.index_journal import IndexJournal

log = logging.getLogger(__name__)

FLOOR_BYTES = 64 * 2**20
_CHECK_SECONDS = 60.0


class JournalUpkeep:
    """`floor` is the size below which nothing is done, in bytes."""

    def __init__(
        self, index: Index, journal: IndexJournal, threads: Executor, floor: int = FLOOR_BYTES
    ) -> None:
        self._index, self._journal, self._threads, self._floor = index, journal, threads, floor
        self._limit = floor

    async def run(self) -> None:
        """Look now and then, for ever."""
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._threads, self.compact_if_long)
            except AtollError as error:  # a full disk, say: the old segments are all still there
                log.error("the journal was not compacted: %s", error.detail)
            await asyncio.sleep(_CHECK_SECONDS)

    def compact_if_long(self) -> bool:
        """Whether it was. Blocking."""
        before = self._journal.size
        if before < self._limit:
            return False
        ended = self._index.write(self._journal.end_segment).result()
        self._index.read(lambda db: self._journal.replace(db, ended))
        after = self._journal.size
        self._limit = max(self._floor, 2 * after)
        log.info("the journal was compacted", extra={"before": before, "after": after})
        return True
