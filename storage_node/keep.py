"""The durable end of a pull or repair: fetched bytes into the store, then into the index. Blocking.

The same order as an upload's: bytes fsynced, renamed into place, directory fsynced, index committed
(placing.py). When the commit refuses, because a delete came first, the file is taken away again unless
another record uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, TypeVar

from storage_node.blob_locks import BlobLocks
from storage_node.fetch import Fetched
from storage_node.index import Index
from storage_node.index_writer import Operation
from storage_node.placing import Placement, Placer
from storage_node.store import BlobStore, Staged
from storage_node.thread_answer import ThreadAnswer

T = TypeVar("T")


class Copy(NamedTuple):
    """Fetched bytes, what to commit with them, and who waits for that."""

    fetched: Fetched
    commit: Operation[bool]
    answer: ThreadAnswer[bool]


def _attempt(copy: Copy, step: Callable[[], T]) -> T | None:
    """What `step` gives; None when it fails, and whoever waits for the copy hears why."""
    try:
        return step()
    except BaseException as error:  # noqa: BLE001 - the thread's edge: whatever it is, the waiter gets it
        copy.answer.fail(error)
        return None


def _syncing(staged: Staged) -> Callable[[], bool]:
    def sync() -> bool:
        staged.sync()
        return True

    return sync


class Keeper:
    """Runs in the node's writer threads."""

    def __init__(self, store: BlobStore, index: Index, locks: BlobLocks) -> None:
        self._store, self._placer = store, Placer(store, index, locks)

    def keep(self, fetched: Fetched, commit: Operation[bool]) -> Future[bool]:
        """Put the blob in place and begin the commit: True once it is durable, False when it is refused.

        Uses `fetched` up.
        """
        staged = self._staged(fetched)
        try:
            staged.sync()
            return self._placer.place(staged, fetched.key, commit)
        finally:
            staged.discard()

    def keep_all(self, copies: Sequence[Copy]) -> None:
        """The same for several; each is answered by itself, whatever becomes of the others."""
        written: list[tuple[Copy, Staged]] = []
        try:
            for copy in copies:
                staged = _attempt(copy, partial(self._staged, copy.fetched))
                written += [] if staged is None else [(copy, staged)]
            self._place_all([(copy, staged) for copy, staged in written if _attempt(copy, _syncing(staged))])
        finally:
            for _, staged in written:
                staged.discard()

    def _place_all(self, synced: Sequence[tuple[Copy, Staged]]) -> None:
        try:
            places = [Placement(staged, copy.fetched.key, copy.commit) for copy, staged in synced]
            committed = self._placer.place_all(places)
        except BaseException as error:  # noqa: BLE001 - the thread's edge: whatever it is, the waiters get it
            for copy, _ in synced:
                copy.answer.fail(error)
            return
        for (copy, _), outcome in zip(synced, committed, strict=True):
            copy.answer.follow(outcome)

    def _staged(self, fetched: Fetched) -> Staged:
        if fetched.staged is not None:
            return fetched.staged
        assert fetched.body is not None
        staged = self._store.stage()
        try:
            staged.write(fetched.body)
        except BaseException:
            staged.discard()
            raise
        return staged
