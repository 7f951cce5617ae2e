"""Hot blobs and derivatives in memory. Owns the budget and the choice of what leaves; on the loop's
thread only.

Replacement is SIEVE (Zhang et al., NSDI 2024): a hit only sets a flag, so the hot path is one dict
look-up; a hand walks from the oldest entry to the newest, takes away flags and evicts the first entry
without one. What was read once – a crawler's scan – leaves before what is read again and again.

Only verified bytes come in (their readers' promise). A blob is found by its raw URL path, a derivative by its
key: which URLs mean it is known elsewhere (hot_targets.py). A read that
began before a `drop` must not put its bytes back after it: `put` takes the number of drops that the
reader saw when it began, and refuses when there were more since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from storage_node.derivative import Derivative

_ENTRY_OVERHEAD = 1024  # bytes an entry costs beside its body and head: objects, keys, dict slots


class Entry:
    """A blob or a derivative in memory. `head`: status line and headers of a blob's 200, ready but for Date.

    `blobs` are (bucket, sha256) of all that it is made of: when one of them is dropped, it is. `expires_at`
    (monotonic seconds) is set for what no delete needs to drop: what is of other sets, whose deletes are not
    announced here, and what came of a blob that this node does not hold. `derivative` has the facts of one.
    """

    __slots__ = (
        "blobs", "body", "derivative", "expires_at", "head", "newer", "older", "path", "public", "used",
    )  # fmt: skip

    def __init__(
        self,
        path: str,
        blobs: tuple[tuple[str, str], ...],
        body: bytes,
        head: bytes,
        *,
        public: bool,
        expires_at: float | None = None,
        derivative: Derivative | None = None,
    ) -> None:
        self.path, self.blobs, self.body, self.head = path, blobs, body, head
        self.public, self.expires_at, self.derivative = public, expires_at, derivative
        self.used = False
        self.older: Entry | None = None
        self.newer: Entry | None = None

    @property
    def cost(self) -> int:
        """Bytes of the budget it takes."""
        return len(self.body) + len(self.head) + _ENTRY_OVERHEAD


class RamCache:
    """See the module. `budget` and `largest` (of one blob) are bytes; a budget of 0 keeps nothing."""

    def __init__(self, budget: int, largest: int) -> None:
        self._budget, self._largest = budget, largest
        self.entries: dict[str, Entry] = {}  # read by the hot path; changed here only
        self._by_blob: dict[tuple[str, str], list[Entry]] = {}
        self._oldest: Entry | None = None
        self._newest: Entry | None = None
        self._hand: Entry | None = None
        self._expiring: deque[tuple[float, str]] = deque()
        self.left: Callable[[Entry], None] = lambda _: None  # told of each derivative that leaves
        self.used_bytes = 0
        self.drops = 0
        self.evictions = 0

    def fits(self, size: int) -> bool:
        """Whether a blob of `size` bytes may be kept at all."""
        return size <= self._largest and size + 2 * _ENTRY_OVERHEAD <= self._budget

    def get(self, path: str) -> Entry | None:
        """The entry of a URL path, or of a derivative's key; counts as a use."""
        entry = self.entries.get(path)
        if entry is not None:
            entry.used = True
        return entry

    def put(self, entry: Entry, seen_drops: int) -> bool:
        """Keep `entry`, unless it is too large or something was dropped since the reader began."""
        if seen_drops != self.drops or not self.fits(len(entry.body)):
            return False
        if (known := self.entries.get(entry.path)) is not None:
            self._remove(known)
        self._make_room(entry.cost)
        self.entries[entry.path] = entry
        for blob in entry.blobs:
            self._by_blob.setdefault(blob, []).append(entry)
        self._link(entry)
        if entry.expires_at is not None:
            self._expiring.append((entry.expires_at, entry.path))
        self.used_bytes += entry.cost
        return True

    def drop(self, bucket: str, sha256: str) -> None:
        """The blob was deleted or found bad: forget it, and whatever is being read now."""
        self.drops += 1
        for entry in tuple(self._by_blob.get((bucket, sha256), ())):
            self._remove(entry)

    def clear(self) -> None:
        """Forget all, and whatever is being read now."""
        self.drops += 1
        for entry in tuple(self.entries.values()):
            self._remove(entry)

    def expire(self, now: float) -> None:
        """Forget the entries whose time is over. All were given the same time to live."""
        while self._expiring and self._expiring[0][0] <= now:
            _, path = self._expiring.popleft()
            entry = self.entries.get(path)
            if entry is not None and entry.expires_at is not None and entry.expires_at <= now:
                self._remove(entry)

    def _make_room(self, cost: int) -> None:
        while self.entries and self.used_bytes + cost > self._budget:
            self._evict_one()

    def _evict_one(self) -> None:
        entry = self._hand or self._oldest
        while entry is not None and entry.used:
            entry.used = False
            entry = entry.newer or self._oldest
        if entry is not None:
            self._hand = entry.newer
            self._remove(entry)
            self.evictions += 1

    def _link(self, entry: Entry) -> None:
        entry.older = self._newest
        if self._newest is not None:
            self._newest.newer = entry
        self._newest = entry
        self._oldest = self._oldest or entry

    def _remove(self, entry: Entry) -> None:
        if self._hand is entry:
            self._hand = entry.newer
        if entry.older is not None:
            entry.older.newer = entry.newer
        else:
            self._oldest = entry.newer
        if entry.newer is not None:
            entry.newer.older = entry.older
        else:
            self._newest = entry.older
        entry.older = entry.newer = None
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        del self.entries[entry.path]
        for blob in entry.blobs:
            self._by_blob[blob].remove(entry)
            if not self._by_blob[blob]:
                del self._by_blob[blob]
        self.used_bytes -= entry.cost
        if entry.derivative is not None:
            self.left(entry)
