"""What a static web server before this node may serve past it, and when it may serve nothing. Off by default.

The node checks bytes at each read; such a server cannot. So it is shown (offload_links.py) only what was
checked when it came in, and again within `scrub_seconds`, and only while nothing speaks against it:

- public buckets that this node is home to and that are not being deleted; private ones only for an internal
  location, which is asked by the node itself (hand_over.py);
- derivatives only of buckets where anybody may ask for any transformation, for the server knows no signature,
  and only once all that were kept have been read and found right since the start (derivative_scrub.py);
- nothing before deletes that a crash interrupted are carried out, and an index made anew is looked through;
- nothing while a blob was not read for longer than `scrub_seconds`, while a deleted blob's file or a bad copy
  cannot be moved away, or when the node was removed from the cluster; nothing after the node has stopped.

A delete and the quarantine move the file itself: the server misses it at once and asks the node. Between the
commit of a delete and the move, milliseconds, it does not; the delete is not confirmed before. A node that is
killed leaves its links until it starts again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from typing import NamedTuple, TypeVar

from atoll.bucket import Bucket
from atoll.cluster import ClusterMap
from atoll.errors import AtollError
from storage_node.index import Index
from storage_node.offload_links import Link, OffloadLinks
from storage_node.origin import Origin

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_SECONDS = 2.0
_SOME = 64


class Policy(NamedTuple):
    """Which settings are on, and the period (seconds) within which every blob is read again."""

    public: bool
    private: bool
    scrub_seconds: float


class _Look(NamedTuple):
    """What the index says: whether records wait to be looked through, which files wait to be removed, and
    when the blob was read that was read longest ago (Unix ms; None: there is none)."""

    unchecked: bool
    unlinks: frozenset[tuple[str, bytes]]
    oldest: int | None


class StaticOffload:
    """`derivatives_proven`: whether all kept derivatives were found right lately; `stuck`: how many bad
    copies could not be moved away; `removed`: whether the node belongs to the cluster no more."""

    def __init__(
        self,
        policy: Policy,
        links: OffloadLinks,
        index: Index,
        origin: Origin,
        threads: Executor,
        current: Callable[[], ClusterMap],
        derivatives_proven: Callable[[], bool],
        stuck: Callable[[], int],
        removed: Callable[[], bool],
    ) -> None:
        self._policy, self._links, self._index, self._origin = policy, links, index, origin
        self._threads, self._current, self._derivatives_proven = threads, current, derivatives_proven
        self._stuck, self._removed = stuck, removed
        self._changed = asyncio.Event()
        self._waiting: frozenset[tuple[str, bytes]] | None = None  # files to be removed, at the last look
        self._reason: str | None = "the node starts"

    @property
    def is_on(self) -> bool:
        """Whether any setting asks for it."""
        return self._policy.public or self._policy.private

    @property
    def shows_derivatives(self) -> bool:
        """Whether they may ever be shown."""
        return self._policy.public

    def cluster_changed(self, _cluster: ClusterMap) -> None:
        """A listener for the cluster map."""
        self._changed.set()

    async def run(self) -> None:
        """Withdraw what an earlier run left; then, if it is on, show what may be shown, until cancelled."""
        while not await self._in_thread(self._withdrawn):  # noqa: ASYNC110 - a disk tells nobody
            await asyncio.sleep(_LOOK_SECONDS)
        if not self.is_on:
            return
        try:
            while True:
                await self._once()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _LOOK_SECONDS)
        finally:
            self._withdrawn()  # here and now: this task is being cancelled

    def _withdrawn(self) -> bool:
        """Whether nothing is shown any more."""
        try:
            self._links.withdraw()
        except AtollError as error:
            log.error("what a static server may serve cannot be withdrawn: %s", error.detail)
            return False
        return True

    async def _once(self) -> None:
        self._changed.clear()
        try:
            reason = self._objection(await self._in_thread(lambda: self._index.read(_look)))
            shown = () if reason else tuple(self._wanted())
            await self._in_thread(lambda: self._links.show(shown))
        except AtollError as error:
            log.error("what a static server may serve cannot be changed now: %s", error.detail)
            return
        if reason != self._reason:
            log.warning("a static server is shown %s", f"nothing: {reason}" if reason else "images")
        self._reason = reason

    def _objection(self, look: _Look) -> str | None:
        """Why nothing may be shown now."""
        before, self._waiting = self._waiting, look.unlinks
        if self._removed():
            return "the node was removed from the cluster"
        if look.unchecked:
            return "the index was made anew, and not all blobs are looked at yet"
        if look.unlinks and (before is None or before & look.unlinks):
            return "files of deleted blobs are not removed yet"
        if self._stuck():
            return "a bad copy could not be moved away"
        if (
            look.oldest is not None
            and look.oldest < self._origin.now_ms() - self._policy.scrub_seconds * 1000
        ):
            return "the scrubber is behind"
        return None

    def _wanted(self) -> Iterator[Link]:
        for bucket in self._current().buckets.values():
            if bucket.ending is None and bucket.is_home(self._origin.region):
                yield from self._of(bucket)

    def _of(self, bucket: Bucket) -> Iterator[Link]:
        own_set = self._origin.set
        if bucket.visibility == "private":
            if self._policy.private:
                yield Link("private", own_set, bucket.name, "blobs")
        elif self._policy.public:
            yield Link("public", own_set, bucket.name, "blobs")
            if bucket.unsigned_transformations and self._derivatives_proven():
                yield Link("public", own_set, bucket.name, "derivatives")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _look(db: sqlite3.Connection) -> _Look:
    (unchecked,) = db.execute("SELECT EXISTS (SELECT 1 FROM unchecked)").fetchone()
    unlinks = db.execute("SELECT bucket, sha256 FROM unlinks LIMIT ?", (_SOME,)).fetchall()
    (oldest,) = db.execute("SELECT min(verified_at) FROM blobs").fetchone()
    return _Look(bool(unchecked), frozenset(unlinks), oldest)
