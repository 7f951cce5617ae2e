"""New copies for blobs whose copy went into quarantine. Bounded; what fails stays wanted.

A quarantined blob is in the table `wanted` from the moment its copy was moved away, so nothing here needs
to be durable: whatever this worker does not manage, the replicator orders again when it is due.
"""

from __future__ import annotations

import asyncio
import logging
import random
from concurrent.futures import Executor

from atoll.backoff import Backoff
from atoll.errors import AtollError
from atoll.model import AssetRecord
from storage_node.index import Index
from storage_node.index_ops import want
from storage_node.origin import Origin
from storage_node.pull import Puller
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey

log = logging.getLogger(__name__)

_WAITING = 1024
_WORKERS = 2
_TRIES = 3
_FIRST_SECONDS, _CAP_SECONDS = 0.2, 5.0


class Repairer:
    """`run` works until it is cancelled."""

    def __init__(
        self,
        index: Index,
        origin: Origin,
        puller: Puller,
        counts: ReadMetrics,
        writers: Executor,
        rng: random.Random,
    ) -> None:
        self._index, self._origin, self._puller = index, origin, puller
        self._counts, self._writers, self._rng = counts, writers, rng
        self._queue: asyncio.Queue[BlobKey] = asyncio.Queue(_WAITING)
        self._known: set[BlobKey] = set()

    def add(self, key: BlobKey) -> None:
        """A blob needs a new copy. When too many wait, the table `wanted` remembers it alone."""
        if key not in self._known and not self._queue.full():
            self._known.add(key)
            self._queue.put_nowait(key)

    async def run(self) -> None:
        """Repair what is added."""
        async with asyncio.TaskGroup() as group:
            for number in range(_WORKERS):
                group.create_task(self._work(), name=f"repair {number}")

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._repair(key)
            except AtollError as error:  # the index failed; the row in `wanted` is still there
                log.error("a repair was given up: %s", error.detail, extra=key._asdict())
            finally:
                self._known.discard(key)

    async def _repair(self, key: BlobKey) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(_FIRST_SECONDS, _CAP_SECONDS, self._rng)
        for _ in range(_TRIES):
            record = await loop.run_in_executor(self._writers, self._needed, key)
            if record is None:
                return
            try:
                kept = await self._puller.repair(record)
            except AtollError as error:
                log.warning("no good copy of a blob now: %s", error.detail, extra=key._asdict())
                await loop.run_in_executor(self._writers, self._want, record, error.detail)
                await asyncio.sleep(backoff.next())
            else:
                if kept is not None:
                    self._repaired(key, kept.source)
                return

    def _repaired(self, key: BlobKey, source: str) -> None:
        self._counts.repaired += 1
        log.info("a bad copy was replaced", extra={**key._asdict(), "source": source})

    def _needed(self, key: BlobKey) -> AssetRecord | None:
        """The record of a blob that is to be held and is not."""
        if self._index.blob(key.bucket, key.sha256) is not None:
            return None
        return self._index.record_of_blob(key.bucket, key.sha256)

    def _want(self, record: AssetRecord, reason: str) -> None:
        self._index.write(want(record, reason, self._origin.now_ms(), self._rng)).result()
