"""Uploads of the last moments, in memory: every other node of the set asks for each once, and soon.

Their bytes were hashed on the way in, so handing them out costs no thread, no look at the index, no read
and no second hash. Small blobs only, for some seconds, oldest out first, within a budget of its own: what
replicates is not what is hot, and may not push that out of the RAM cache; and who asks later shall be given
what lies on the disk, so that a bad copy is noticed. Filled by upload_intake, read by internal_blobs; on
the loop's thread only.

Whatever is deleted or found bad meanwhile is told to the RAM cache, which counts it. An entry is good only
while that count stands: after any drop all are forgotten, and the index is asked again.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from storage_node.ram_cache import RamCache
from storage_node.store import BlobKey

BUDGET_BYTES = 16 * 2**20
SECONDS = 10.0


class FreshUploads:
    """Bytes by blob, at most `budget` of them together. `clock` gives monotonic seconds."""

    def __init__(
        self, ram: RamCache, budget: int = BUDGET_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ram, self._budget, self._clock = ram, budget, clock
        self._bodies: OrderedDict[BlobKey, tuple[float, bytes]] = (
            OrderedDict()
        )  # since when, the oldest first
        self._bytes = 0
        self._drops = ram.drops

    @property
    def drops(self) -> int:
        """What `put` wants to know of the moment before the upload was committed."""
        return self._ram.drops

    def get(self, key: BlobKey) -> bytes | None:
        """The bytes, if they were uploaded here just now."""
        self._forget_dropped()
        self._forget_old()
        found = self._bodies.get(key)
        return found[1] if found else None

    def put(self, key: BlobKey, body: bytes, seen_drops: int) -> None:
        """Keep verified bytes, unless something was dropped since `seen_drops` was read."""
        self._forget_dropped()
        if seen_drops != self._drops or len(body) > self._budget:
            return
        self._forget_old()
        _, before = self._bodies.pop(key, (0.0, b""))
        self._bytes += len(body) - len(before)
        self._bodies[key] = self._clock(), body
        while self._bytes > self._budget:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, (_, body) = self._bodies.popitem(last=False)
        self._bytes -= len(body)

    def _forget_old(self) -> None:
        before = self._clock() - SECONDS
        while self._bodies and next(iter(self._bodies.values()))[0] <= before:
            self._forget_oldest()

    def _forget_dropped(self) -> None:
        if self._drops != self._ram.drops:
            self._drops = self._ram.drops
            self._bodies.clear()
            self._bytes = 0
