"""What happens to a copy that failed verification: a second look, then out of sight, and told.

The order matters. The file goes first and the index after it, under the blob's lock: a crash between
leaves a row whose file is missing, which the next read finds and brings here again. In the same commit
the blob is wanted, so that the repair is not forgotten either.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor
from enum import Enum

from atoll.errors import AtollError
from storage_node.blob_locks import BlobLocks
from storage_node.derivative_store import DerivativeStore
from storage_node.flights import Flights
from storage_node.index import HeldBlob, Index
from storage_node.index_ops import want
from storage_node.index_repairs import in_order, quarantined, reverified
from storage_node.memories import Memories, NoOthers
from storage_node.origin import Origin
from storage_node.ram_cache import RamCache
from storage_node.read_metrics import ReadMetrics
from storage_node.store import BlobKey, BlobStore
from storage_node.verified_read import BadCopy, second_look

log = logging.getLogger(__name__)

_AT_ONCE = 10_000


class Verdict(Enum):
    """What became of a doubted copy."""

    QUARANTINED = "quarantined"
    GOOD = "good after all"
    GONE = "not held any more"
    UNMOVED = "bad, but the disk would not let it be moved"


class Quarantine:
    """`tell` is called on the loop with each blob that needs a new copy."""

    def __init__(
        self,
        store: BlobStore,
        index: Index,
        locks: BlobLocks,
        origin: Origin,
        ram: RamCache,
        counts: ReadMetrics,
        writers: Executor,
        rng: random.Random,
        tell: Callable[[BlobKey], None],
        derivatives: DerivativeStore,
        memories: Memories | None = None,
    ) -> None:
        self._memories = memories or NoOthers()
        self._store, self._index, self._locks, self._origin = store, index, locks, origin
        self._ram, self._counts, self._writers, self._rng, self._tell = ram, counts, writers, rng, tell
        self._derivatives = derivatives
        self._flights: Flights[BlobKey, Verdict] = Flights("quarantines", _AT_ONCE)
        self.unmoved: set[BlobKey] = set()  # bad copies that the disk would not let be moved

    async def judge(self, bad: BadCopy) -> Verdict:
        """Look again at a copy that failed, and act. One at a time for each blob; never raises for it."""
        self._counts.bad_copies += 1
        return await self._flights.run(bad.held.key, lambda: self._judge(bad))

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _judge(self, bad: BadCopy) -> Verdict:
        held = bad.held
        loop = asyncio.get_running_loop()
        try:
            verdict = await loop.run_in_executor(self._writers, self._act, held, bad.reason)
        except AtollError as error:
            log.error("a bad copy stays where it is: %s", error.detail, extra=_facts(bad))
            verdict = Verdict.UNMOVED
        (self.unmoved.add if verdict is Verdict.UNMOVED else self.unmoved.discard)(held.key)
        if verdict is Verdict.QUARANTINED:
            log.error("a bad copy was put into quarantine", extra=_facts(bad))
            self._counts.quarantined += 1
            self._tell(held.key)
        if verdict is not Verdict.GOOD:
            self._ram.drop(held.blob.bucket, held.blob.sha256)
            await self._memories.forget([(held.blob.bucket, held.blob.sha256)])
        return verdict

    def _act(self, held: HeldBlob, reason: str) -> Verdict:
        blob, key = held.blob, held.key
        with self._locks.of(blob.sha256):
            current = self._index.blob(blob.bucket, blob.sha256)
            if current is None:
                return Verdict.GONE
            digests = second_look(self._store, current)
            now = self._origin.now_ms()
            if digests is not None:
                self._index.write(reverified(key, digests, now)).result()
                return Verdict.GOOD
            moved = self._store.quarantine(key)
            steps = [quarantined(current, moved.name if moved else "", reason, self._origin)]
            record = self._index.record_of_blob(blob.bucket, blob.sha256)
            if record is not None:
                steps.append(want(record, f"quarantined: {reason}", now, self._rng))
            self._index.write(in_order(*steps)).result()
            self._drop_derivatives(key)
            return Verdict.QUARANTINED

    def _drop_derivatives(self, key: BlobKey) -> None:
        """Also what is being made of the bad copy right now. The repair must not wait for this to succeed:
        what was kept was made of bytes that had just been found good."""
        try:
            self._derivatives.drop(key.bucket, key.sha256)
        except AtollError as error:
            log.error("derivatives of a bad copy stay: %s", error.detail, extra=key._asdict())


def _facts(bad: BadCopy) -> dict[str, str]:
    blob = bad.held.blob
    return {"bucket": blob.bucket, "sha256": blob.sha256, "reason": bad.reason}
