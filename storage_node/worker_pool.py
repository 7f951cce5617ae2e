"""A fixed number of killable worker processes that do jobs for the daemon's threads.

Owns the processes, the queue in front of them and every deadline; knows nothing of what a job is (bytes in,
bytes out). Each worker has a thread, its keeper, for all of the pool's life: the keeper starts the process,
hands it one job at a time, kills it when its time is up and starts the next one at once. A keeper and not
the caller does this for three reasons: a worker goes on to the next job while the caller is still in its
fdatasync; a hung worker is killed even if nobody waits for it; and Linux sends a child its parent-death
signal when the *thread* that started it ends.

Refuses (`Overloaded`) what the queue does not take or no worker takes up in time. A worker that dies costs
one job: that job is tried once more on a fresh worker, because the death may have been another's doing
(the kernel short of memory, an operator's kill); a job that kills two is given up. Called by `inspection`.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType

from atoll.errors import Overloaded, Unavailable
from storage_node.worker_process import WorkerDied, WorkerHung, WorkerProcess, check_request

log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 1
_RESTART_PAUSE_SECONDS = 1.0  # between starts that fail


class JobTimedOut(Exception):
    """The job used up its time; the worker was killed."""


class JobCrashed(Exception):
    """The job killed two workers in a row."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many workers, and every bound on them. Times are seconds of wall clock."""

    workers: int = 2
    waiting: int = 256  # jobs in the queue
    queue_seconds: float = 5.0  # how long a job may wait for a worker
    job_seconds: float = 10.0  # how long a worker may take for one job
    start_seconds: float = 30.0  # how long a process may take to be ready
    jobs_per_worker: int = 10_000  # then a fresh process: whatever a decoder leaked is gone


@dataclass(frozen=True, slots=True)
class _Job:
    request: bytes
    reply: Future[bytes]


class Pending:
    """A job on its way. Its owner calls `result` once, or `abandon`."""

    def __init__(self, reply: Future[bytes], queue_deadline: float) -> None:
        self._reply = reply
        self._queue_deadline = queue_deadline

    def result(self) -> bytes:
        """Wait for the reply. Raises Overloaded, Unavailable (pool closed), JobTimedOut, JobCrashed."""
        try:
            return self._reply.result(max(0.0, self._queue_deadline - time.monotonic()))
        except TimeoutError:
            if self._reply.cancel():
                raise _overloaded("No worker was free in time.") from None
            return self._reply.result()  # being worked on: the keeper's own deadline bounds this wait

    def abandon(self) -> None:
        """The reply is not wanted any more: not started if it was not yet."""
        self._reply.cancel()


class WorkerPool:
    """`begin` from any thread, between `start` and `close`. `command`: see `Sandbox.command`."""

    def __init__(self, name: str, command: Sequence[str], limits: PoolLimits) -> None:
        self._name = name
        self._command = command
        self._limits = limits
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()  # bounded by `begin`
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._warm = threading.Semaphore(0)
        self._live: set[WorkerProcess] = set()
        self._keepers = [
            threading.Thread(target=self._keep, name=f"{name}-keeper-{n}", daemon=True)
            for n in range(limits.workers)
        ]

    def start(self) -> None:
        """Start every worker and wait until all are warm. Raises Unavailable when one does not come up."""
        for keeper in self._keepers:
            keeper.start()
        deadline = time.monotonic() + self._limits.start_seconds
        for _ in self._keepers:
            if not self._warm.acquire(timeout=max(0.0, deadline - time.monotonic())):
                self.close()
                raise Unavailable(f"The {self._name} workers did not start.")

    def close(self) -> None:
        """End every worker now and wait for their keepers; jobs that are not done fail with Unavailable."""
        with self._lock:
            self._closing.set()
            self._drop_waiting()
            for worker in self._live:
                worker.interrupt()
        for _ in self._keepers:
            self._jobs.put(None)
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
        job = _Job(request, Future())
        with self._lock:  # so that nothing enters the queue after `close` has emptied it
            if self._closing.is_set():
                raise _closed(self._name)
            if self._jobs.qsize() >= self._limits.waiting:
                raise _overloaded(f"{self._limits.waiting} jobs are waiting for a worker already.")
            self._jobs.put(job)
        return Pending(job.reply, time.monotonic() + self._limits.queue_seconds)

    def worker_pids(self) -> frozenset[int]:
        """Process ids of the workers that live now."""
        with self._lock:
            return frozenset(worker.pid for worker in self._live)

    def _drop_waiting(self) -> None:
        while not self._jobs.empty():
            job = self._jobs.get()
            if job is not None and job.reply.set_running_or_notify_cancel():
                job.reply.set_exception(_closed(self._name))

    # --- what follows runs in the keepers' threads

    def _keep(self) -> None:
        worker = self._fresh()
        self._warm.release()
        while worker is not None and (job := self._jobs.get()) is not None:
            if job.reply.set_running_or_notify_cancel():
                worker = self._work(worker, job)
        if worker is not None:
            self._end(worker)

    def _fresh(self) -> WorkerProcess | None:
        """A warm worker, however many starts it takes; None when the pool closes."""
        while not self._closing.is_set():
            if worker := self._start_once():
                return worker
            self._closing.wait(_RESTART_PAUSE_SECONDS)
        return None

    def _start_once(self) -> WorkerProcess | None:
        try:
            worker = WorkerProcess(self._command)
        except OSError as error:  # no memory or no process to be had just now
            log.error("%s worker cannot be started: %s", self._name, error)
            return None
        self._enlist(worker)
        try:
            worker.wait_ready(time.monotonic() + self._limits.start_seconds)
        except (WorkerDied, WorkerHung) as error:
            self._give_up(worker, error)
            return None
        return worker

    def _enlist(self, worker: WorkerProcess) -> None:
        with self._lock:  # `close` interrupts every worker it finds here; one it did not find sees `closing`
            self._live.add(worker)
            if self._closing.is_set():
                worker.interrupt()

    def _end(self, worker: WorkerProcess) -> None:
        worker.kill()
        with self._lock:
            self._live.discard(worker)

    def _give_up(self, worker: WorkerProcess, reason: Exception) -> None:
        if not self._closing.is_set():
            log.warning("%s worker %d is replaced: %r", self._name, worker.pid, reason)
        self._end(worker)

    def _work(self, worker: WorkerProcess, job: _Job) -> WorkerProcess | None:
        """Do one job; returns the worker for the next one, None when the pool closes."""
        try:
            job.reply.set_result(self._exchange(worker, job))
        except WorkerDied as death:
            self._give_up(worker, death)
            return self._work_again(job)
        except WorkerHung as hang:
            job.reply.set_exception(JobTimedOut())
            self._give_up(worker, hang)
            return self._fresh()
        return self._recycled(worker)

    def _work_again(self, job: _Job) -> WorkerProcess | None:
        """The second and last try of a job whose worker died: on a fresh one, started once."""
        worker = self._start_once()
        if worker is None:
            job.reply.set_exception(_closed(self._name))
            return self._fresh()
        try:
            job.reply.set_result(self._exchange(worker, job))
        except (WorkerDied, WorkerHung) as error:
            job.reply.set_exception(self._verdict(error))
            self._give_up(worker, error)
            return self._fresh()
        return worker

    def _verdict(self, error: WorkerDied | WorkerHung) -> Exception:
        if isinstance(error, WorkerHung):
            return JobTimedOut()
        return _closed(self._name) if self._closing.is_set() else JobCrashed()

    def _exchange(self, worker: WorkerProcess, job: _Job) -> bytes:
        try:
            return worker.exchange(job.request, time.monotonic() + self._limits.job_seconds)
        except WorkerDied as death:
            if death.signal == signal.SIGXCPU:  # its CPU time ran out: the job's doing, no second try
                raise WorkerHung from death
            raise

    def _recycled(self, worker: WorkerProcess) -> WorkerProcess | None:
        if worker.jobs_done < self._limits.jobs_per_worker:
            return worker
        self._end(worker)
        return self._fresh()


def _overloaded(detail: str) -> Overloaded:
    return Overloaded(detail, retry_after=_RETRY_AFTER_SECONDS)


def _closed(name: str) -> Unavailable:
    return Unavailable(f"The {name} workers are not running.", retry_after=_RETRY_AFTER_SECONDS)
