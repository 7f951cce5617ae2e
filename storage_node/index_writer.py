"""The one writer of index.db: group commit.

Every write is an operation – a function of the connection. One thread takes all operations that wait,
runs them in one transaction, commits once (one fsync), and only then answers them all. Sixteen uploads
that arrive together cost one fsync, and a caller who is answered knows that the answer is on the disk.

Each operation runs in a savepoint of its own, so that one that refuses (a replayed ticket, say) or fails
takes nothing from its neighbours. Some errors – a full disk, a failed read – may make SQLite roll back the
whole transaction (https://www.sqlite.org/lang_transaction.html, section 3): then the batch is run again,
each operation in a transaction of its own. If the commit itself fails, all of them fail.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from atoll.batch_work import become_batch_work
from atoll.errors import Overloaded
from storage_node.index_errors import our_error

log = logging.getLogger(__name__)

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
Committed = Callable[[sqlite3.Connection], object]

MAX_BATCH = 256
# When the last commit served several, the next one waits a moment for more: in a rush a commit costs more
# processor time than what is in it. Whoever comes alone waits for nobody.
RUSH_SECONDS = 0.003
QUEUE_LIMIT = 4096


def ignore(_db: sqlite3.Connection) -> None:
    """For those who need not know of commits."""


class _Job(NamedTuple):
    operation: Operation[Any]
    done: Future[Any]


class Companion(Protocol):
    """Written beside the index, in its writer's thread (index_journal.py)."""

    def note(self, db: sqlite3.Connection) -> None:
        """A transaction is about to commit; an error fails it."""

    def keep(self) -> None:
        """It did."""

    def take_back(self) -> None:
        """It did not."""


class IndexWriter:
    """Owns the writing connection and its thread. `committed` is called after each commit, in that thread;
    it may only read."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        committed: Committed,
        limit: int = QUEUE_LIMIT,
        companion: Companion | None = None,
    ) -> None:
        self._companion = companion
        self._connection = connection
        self._committed = committed
        self._limit = limit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # bounded by `submit`
        self._thread = threading.Thread(target=self._run, name="index-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[T]) -> Future[T]:
        """The future result of `operation`, set once it is durable; its exception if it refused.

        Never blocks: the event loop calls it too. `Overloaded` when far too many wait already.
        """
        if self._jobs.qsize() >= self._limit:
            raise Overloaded("The node's index cannot keep up.", limit=self._limit, retry_after=1)
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()  # an impatient waiter may go away, but not take it back
        self._jobs.put(_Job(operation, done))
        return done

    def close(self, last: Operation[Any] | None = None) -> None:
        """Commit what waits and then `last`, and end; a full queue refuses the caller, not the end."""
        if last is not None:
            self._jobs.put(_Job(last, Future()))
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        become_batch_work()
        going, rush = True, False
        while going:
            batch, going = self._take(rush)
            rush = len(batch) > 1
            if batch:
                self._commit(batch)

    def _take(self, rush: bool) -> tuple[list[_Job], bool]:
        """All jobs that wait, at least one; False when the end was asked for."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        if rush and job is not None:
            time.sleep(RUSH_SECONDS)
        while job is not None:
            jobs.append(job)
            if len(jobs) >= MAX_BATCH:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _commit(self, batch: list[_Job]) -> None:
        try:
            answers = self._transaction(batch)
        except _TransactionLost as lost:
            self._alone(batch, lost.error)
            return
        except Exception as error:  # noqa: BLE001 - the loop's edge: whoever waits is told, and the writer lives on
            self._abandon(batch, error)
            return
        self._committed(self._connection)
        for answer in answers:
            answer()

    def _transaction(self, batch: list[_Job]) -> list[Callable[[], None]]:
        """Run and commit; how each job is to be answered now that it is durable."""
        self._connection.execute("BEGIN IMMEDIATE")
        answers = [self._apply(job) for job in batch]
        if self._companion is not None:
            self._companion.note(self._connection)
        self._connection.execute("COMMIT")
        if self._companion is not None:
            self._companion.keep()
        return answers

    def _apply(self, job: _Job) -> Callable[[], None]:
        self._connection.execute("SAVEPOINT one")
        try:
            answer = partial(job.done.set_result, job.operation(self._connection))
        except Exception as error:  # noqa: BLE001 - the loop's edge: an operation's bug must not end the writer
            self._undo(error)
            answer = partial(job.done.set_exception, _ours(error))
        self._connection.execute("RELEASE one")
        return answer

    def _undo(self, error: Exception) -> None:
        if isinstance(error, sqlite3.Error):
            log.error("an operation of index.db failed: %s", error)
            if not self._connection.in_transaction:
                raise _TransactionLost(error) from error
        self._connection.execute("ROLLBACK TO one")

    def _alone(self, batch: list[_Job], error: sqlite3.Error) -> None:
        """One of these lost the transaction for all; one that does so by itself has failed."""
        if len(batch) == 1:
            batch[0].done.set_exception(our_error(error))
            return
        for job in batch:
            self._commit([job])

    def _abandon(self, batch: list[_Job], error: Exception) -> None:
        log.error("index.db did not commit: %r", error)
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as second:
                log.error("index.db did not roll back: %s", second)
        if self._companion is not None:
            self._companion.take_back()
        ours = _ours(error)
        for job in batch:
            job.done.set_exception(ours)


class _TransactionLost(Exception):
    """SQLite rolled back the whole transaction because of one statement."""

    def __init__(self, error: sqlite3.Error) -> None:
        super().__init__(str(error))
        self.error = error


def _ours(error: Exception) -> Exception:
    return our_error(error) if isinstance(error, sqlite3.Error) else error
