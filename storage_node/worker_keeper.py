"""One worker's keeper: a thread that starts the process, hands it one job at a time, kills and replaces it.

A keeper and not the caller does this for three reasons: a worker goes on to the next job while the caller is
still in its fdatasync; a hung worker is killed even if nobody waits for it; and Linux sends a child its
parent-death signal when the *thread* that started it ends.

A worker that dies costs one job: that job is tried once more on a fresh worker, because the death may have
been another's doing (the kernel short of memory, an operator's kill); a job that kills two is given up.
Two clocks end a job, and say different things: one that used up its processor time is too much work on any
machine; one that is not done at the deadline for all that was given too little of it, and may be asked again.
What a job is nobody knows here (bytes in, bytes out). Called by `worker_pool`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from atoll.errors import Unavailable
from storage_node.worker_process import WorkerDied, WorkerHung, WorkerProcess
from storage_node.worker_sandbox import OUT_OF_CPU_TIME

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 1
_RESTART_PAUSE_SECONDS = 1.0  # between starts that fail


class JobTimedOut(Exception):
    """The job used up its processor time: its own doing. The worker is gone."""


class JobStarved(Exception):
    """The deadline came before the job had its processor time: the machine's doing. The worker was killed."""


class JobCrashed(Exception):
    """The job killed two workers in a row."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many workers, and every bound on them. Times are seconds of wall clock.

    `cpu_share`: the processor time of one job, as a part of `job_seconds`. Below 1, so that on a machine with
    nothing else to do it is spent before the deadline: what never ends is then known for it.
    """

    workers: int = 2
    waiting: int = 256  # jobs in the queue
    queue_seconds: float = 5.0  # how long a job may wait for a worker
    job_seconds: float = 10.0  # how long a worker may take for one job
    start_seconds: float = 30.0  # how long a process may take to be ready
    jobs_per_worker: int = 10_000  # then a fresh process: whatever a decoder leaked is gone
    cpu_share: float = 0.8

    @property
    def cpu_seconds(self) -> float:
        """The processor time that a worker may take for one job: for its `Sandbox`."""
        return self.job_seconds * self.cpu_share


@dataclass(frozen=True, slots=True)
class Job:
    """A question, and where its answer goes."""

    request: bytes
    reply: Future[bytes]


@dataclass(frozen=True)
class Crew:
    """What the keepers of one pool share. `lock` guards `live` and the moment when `closing` is set."""

    name: str
    command: Sequence[str]
    limits: PoolLimits
    jobs: queue.SimpleQueue[Job | None] = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    warm: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    live: set[WorkerProcess] = field(default_factory=set)

    def enlist(self, worker: WorkerProcess) -> None:
        """Whoever closes the pool interrupts every worker that is live; one enlisted later sees `closing`."""
        with self.lock:
            self.live.add(worker)
            if self.closing.is_set():
                worker.interrupt()

    def closed(self) -> Unavailable:
        """What is said of jobs once the pool is closed."""
        return Unavailable(f"The {self.name} workers are not running.", retry_after=RETRY_AFTER_SECONDS)


class Keeper:
    """`keep` is its thread's whole life: until the queue gives None."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def keep(self) -> None:
        """Work off the queue."""
        worker = self._fresh()
        self._crew.warm.release()
        while worker is not None and (job := self._crew.jobs.get()) is not None:
            if job.reply.set_running_or_notify_cancel():
                worker = self._work(worker, job)
        if worker is not None:
            self._end(worker)

    def _fresh(self) -> WorkerProcess | None:
        """A warm worker, however many starts it takes; None when the pool closes."""
        while not self._crew.closing.is_set():
            if worker := self._start_once():
                return worker
            self._crew.closing.wait(_RESTART_PAUSE_SECONDS)
        return None

    def _start_once(self) -> WorkerProcess | None:
        try:
            worker = WorkerProcess(self._crew.command)
        except OSError as error:  # no memory or no process to be had just now
            log.error("%s worker cannot be started: %s", self._crew.name, error)
            return None
        self._crew.enlist(worker)
        try:
            worker.wait_ready(time.monotonic() + self._crew.limits.start_seconds)
        except (WorkerDied, WorkerHung) as error:
            self._give_up(worker, error)
            return None
        return worker

    def _end(self, worker: WorkerProcess) -> None:
        worker.kill()
        with self._crew.lock:
            self._crew.live.discard(worker)

    def _give_up(self, worker: WorkerProcess, reason: Exception) -> None:
        if not self._crew.closing.is_set():
            log.warning("%s worker %d is replaced: %r", self._crew.name, worker.pid, reason)
        self._end(worker)

    def _work(self, worker: WorkerProcess, job: Job) -> WorkerProcess | None:
        """Do one job; returns the worker for the next one, None when the pool closes."""
        try:
            job.reply.set_result(self._exchange(worker, job))
        except (WorkerDied, WorkerHung) as error:
            # Killed first: whoever hears of it may tidy up, and the worker must not make new files then.
            self._give_up(worker, error)
            if _may_be_innocent(error):
                return self._work_again(job)
            job.reply.set_exception(self._verdict(error))
            return self._fresh()
        return self._recycled(worker)

    def _work_again(self, job: Job) -> WorkerProcess | None:
        """The second and last try of a job whose worker died: on a fresh one, started once."""
        worker = self._start_once()
        if worker is None:
            job.reply.set_exception(self._crew.closed())
            return self._fresh()
        try:
            job.reply.set_result(self._exchange(worker, job))
        except (WorkerDied, WorkerHung) as error:
            self._give_up(worker, error)
            job.reply.set_exception(self._verdict(error))
            return self._fresh()
        return worker

    def _verdict(self, error: WorkerDied | WorkerHung) -> Exception:
        if isinstance(error, WorkerHung):
            return JobStarved()
        if error.signal == OUT_OF_CPU_TIME:
            return JobTimedOut()
        return self._crew.closed() if self._crew.closing.is_set() else JobCrashed()

    def _exchange(self, worker: WorkerProcess, job: Job) -> bytes:
        return worker.exchange(job.request, time.monotonic() + self._crew.limits.job_seconds)

    def _recycled(self, worker: WorkerProcess) -> WorkerProcess | None:
        if worker.jobs_done < self._crew.limits.jobs_per_worker:
            return worker
        self._end(worker)
        return self._fresh()


def _may_be_innocent(error: WorkerDied | WorkerHung) -> bool:
    """Whether another try may end otherwise, and costs no second deadline."""
    return isinstance(error, WorkerDied) and error.signal != OUT_OF_CPU_TIME
