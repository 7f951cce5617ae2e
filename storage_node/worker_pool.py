"""A fixed number of killable worker processes that do jobs for the daemon's threads.

Owns the queue in front of them and every deadline; knows nothing of what a job is (bytes in, bytes out).
Each worker has a thread, its keeper (worker_keeper.py), for all of the pool's life. Refuses (`Overloaded`)
what the queue does not take or no worker takes up in time. Called by `inspection` and `renderer`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType

from atoll.errors import Overloaded, Unavailable
from storage_node.worker_keeper import (
    RETRY_AFTER_SECONDS,
    Crew,
    Job,
    JobCrashed,
    JobStarved,
    JobTimedOut,
    Keeper,
    PoolLimits,
)
from storage_node.worker_process import check_request

__all__ = ["JobCrashed", "JobStarved", "JobTimedOut", "Pending", "PoolLimits", "WorkerPool"]


_LOOK_SECONDS = 0.1  # how soon a pool that is closed while it starts is noticed


class Pending:
    """A job on its way. Its owner calls `result` once, or `abandon`."""

    def __init__(self, reply: Future[bytes], queue_deadline: float) -> None:
        self._reply = reply
        self._queue_deadline = queue_deadline

    def result(self) -> bytes:
        """Wait for the reply.

        Raises Overloaded, Unavailable (pool closed), JobTimedOut, JobStarved, JobCrashed.
        """
        try:
            return self._reply.result(max(0.0, self._queue_deadline - time.monotonic()))
        except TimeoutError:
            if self._reply.cancel():
                raise _overloaded("No worker was free in time.") from None
            return self._reply.result()  # being worked on: the keeper's own deadline bounds this wait

    async def wait(self) -> bytes:
        """The same as `result`, for the event loop. Cancelling the wait leaves the job as it is."""
        reply = asyncio.wrap_future(self._reply)
        reply.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard, whoever waits
        left = max(0.0, self._queue_deadline - time.monotonic())
        # Waiting, not wait_for: ending the wait must not cancel the job behind it.
        done, _ = await asyncio.wait({reply}, timeout=left)
        if not done and self._reply.cancel():
            raise _overloaded("No worker was free in time.")
        return await asyncio.shield(reply)

    def abandon(self) -> None:
        """The reply is not wanted any more: not started if it was not yet."""
        self._reply.cancel()

    def when_done(self, then: Callable[[Future[bytes]], None]) -> None:
        """`then` gets the ended job, once no worker has or will have a hand in it; from any thread, once."""
        self._reply.add_done_callback(then)


class WorkerPool:
    """`begin` from any thread, between `start` and `close`. `command`: see `Sandbox.command`."""

    def __init__(self, name: str, command: Sequence[str], limits: PoolLimits) -> None:
        self._crew = Crew(name, command, limits)
        self._keepers = [
            threading.Thread(target=Keeper(self._crew).keep, name=f"{name}-keeper-{n}", daemon=True)
            for n in range(limits.workers)
        ]

    def start(self) -> None:
        """Start every worker and wait until all are warm. Raises Unavailable when one does not come up."""
        self.launch()
        self.wait_warm()

    def launch(self) -> None:
        """Start every worker, and do not wait: jobs that come before they are warm wait in the queue."""
        for keeper in self._keepers:
            keeper.start()

    def wait_warm(self) -> None:
        """Return when all are, or when the pool is closed; Unavailable when one does not come up in time."""
        deadline = time.monotonic() + self._crew.limits.start_seconds
        for _ in self._keepers:
            while not self._crew.warm.acquire(timeout=_LOOK_SECONDS):
                if self._crew.closing.is_set():
                    return
                if time.monotonic() >= deadline:
                    self.close()
                    raise Unavailable(f"The {self._crew.name} workers did not start.")

    def close(self) -> None:
        """End every worker now and wait for their keepers; jobs that are not done fail with Unavailable."""
        with self._crew.lock:
            self._crew.closing.set()
            self._drop_waiting()
            for worker in self._crew.live:
                worker.interrupt()
        for _ in self._keepers:
            self._crew.jobs.put(None)
        for keeper in self._keepers:
            if keeper.is_alive():
                keeper.join()

    def __enter__(self) -> WorkerPool:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, request: bytes) -> Pending:
        """Queue a job and return at once. Raises Overloaded (queue full), Unavailable (closed)."""
        check_request(request)
        job, limits = Job(request, Future()), self._crew.limits
        with self._crew.lock:  # so that nothing enters the queue after `close` has emptied it
            if self._crew.closing.is_set():
                raise self._crew.closed()
            if self._crew.jobs.qsize() >= limits.waiting:
                raise _overloaded(f"{limits.waiting} jobs are waiting for a worker already.")
            self._crew.jobs.put(job)
        return Pending(job.reply, time.monotonic() + limits.queue_seconds)

    def worker_pids(self) -> frozenset[int]:
        """Process ids of the workers that live now."""
        with self._crew.lock:
            return frozenset(worker.pid for worker in self._crew.live)

    def _drop_waiting(self) -> None:
        while not self._crew.jobs.empty():
            job = self._crew.jobs.get()
            if job is not None and job.reply.set_running_or_notify_cancel():
                job.reply.set_exception(self._crew.closed())


def _overloaded(detail: str) -> Overloaded:
    return Overloaded(detail, retry_after=RETRY_AFTER_SECONDS)
