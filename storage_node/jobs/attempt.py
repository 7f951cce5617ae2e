"""One task, tried once: run, reported, and only then acknowledged.

The order is the promise. A node that dies before the report leaves the task in the queue, which gives it to
the next one; one that dies between report and acknowledgement has it done once more, and the second report
is the first one's equal. A task is given up – parked, where people see it – after so many tries; deliveries
count, so that one that kills its node is given up like any other.

Giving way is no failure: a node that is busy, or has no room now, puts the task back into the queue after as
many tries, as new, for as long as the job is wanted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg

from atoll.errors import AtollError, Overloaded, Rejected, TooManyRequests, Unavailable
from atoll.jobs import Task
from atoll.lifecycle import cancel_and_wait
from atoll.parking import ParkingPlace
from atoll.streams import answer
from storage_node.jobs.handler import Handler, Progress
from storage_node.jobs.reports import Reports

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0  # the queue hears that we live, the job how far we are
LONGEST_RETRY_SECONDS = 300.0
_STARVED = frozenset({"render_starved", "inspection_starved"})  # `reason` of what got no processor time


def gives_way(error: AtollError) -> bool:
    """Whether nothing failed: the node has too much to do, or no room now."""
    return isinstance(error, (Overloaded, TooManyRequests)) or error.facts.get("reason") in _STARVED


# A task into its queue once more, and as which message it was taken from there. `BusUnavailable`.
PutBack = Callable[[Task, int], Awaitable[None]]


@dataclass(frozen=True)
class Rules:
    """`tries` of a task in all, the first pause between them, and how long one try may take (seconds)."""

    tries: int
    retry_seconds: float
    seconds: float


class Attempts:
    """Tries tasks. `jitter` gives 0 to 1; `cancelled` says whether a job is not wanted any more."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        reports: Reports,
        parking: ParkingPlace,
        put_back: PutBack,
        rules: Rules,
        jitter: Callable[[], float],
        cancelled: Callable[[str], bool],
    ) -> None:
        self._handlers, self._reports = handlers, reports
        self._parking, self._put_back = parking, put_back
        self._rules, self._jitter, self._cancelled = rules, jitter, cancelled

    async def run(self, message: Msg, task: Task) -> None:
        """Do it, and settle the message. `StoreFailed` when not even that can be noted: it comes again."""
        tries = message.metadata.num_delivered
        progress = Progress(task, min(tries, self._rules.tries))
        if self._cancelled(task.job):
            await self._end(message, progress, "cancelled")
        elif tries > self._rules.tries:  # whoever had it the last time did not live to say so
            died = Unavailable(f"A processor did not come back from it, {self._rules.tries} times.")
            await self._park(message, progress, died)
        else:
            await self._try(message, progress)

    async def _try(self, message: Msg, progress: Progress) -> None:
        beats = asyncio.create_task(self._beat(message, progress), name="job beats")
        try:
            await self._work(progress)
        except asyncio.CancelledError:
            if not self._cancelled(progress.task.job):  # the node ends: another one may begin at once
                await asyncio.shield(answer(message.nak()))
                raise
            await self._end(message, progress, "cancelled")
        except Rejected as error:
            if error.retry_safe:
                await self._later(message, progress, error)
            else:
                progress.refused(str(progress.task.number), error)
                await self._end(message, progress, "failed")
        except AtollError as error:
            await self._later(message, progress, error)
        else:
            await self._end(message, progress, "done")
        finally:
            await cancel_and_wait([beats])

    async def _work(self, progress: Progress) -> None:
        task = progress.task
        handler = self._handlers.get(task.kind)
        if handler is None:
            raise Unavailable(f"This node does no work of the kind {task.kind}.")
        try:
            async with asyncio.timeout(self._rules.seconds):
                await handler.run(task, progress)
        except TimeoutError as error:
            raise Unavailable(f"It takes longer than {self._rules.seconds:g} s.") from error
        except (AtollError, asyncio.CancelledError):
            raise
        except Exception as error:  # the loop's edge: a bug in one kind of work must not end the node
            log.exception("task %s of job %s failed", task.number, task.job)
            raise Unavailable("This is a bug on our side; it has been logged.") from error

    async def _beat(self, message: Msg, progress: Progress) -> None:
        said = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await answer(message.in_progress())
            if (now := progress.done + progress.failed) != said:
                said = now
                await self._tell_running(progress)

    async def _tell_running(self, progress: Progress) -> None:
        try:
            await self._reports.tell(progress.outcome("running"))
        except AtollError as error:
            log.debug("progress was not noted: %s", error.detail)

    async def _later(self, message: Msg, progress: Progress, error: AtollError) -> None:
        busy, last = gives_way(error), progress.tries >= self._rules.tries
        if last and not busy:
            await self._park(message, progress, error)
            return
        log.log(logging.DEBUG if busy else logging.WARNING, "a task waits: %s", error.detail)
        if last:
            await self._put_back(progress.task, message.metadata.sequence.stream)
            await answer(message.ack())
            return
        await answer(message.nak(delay=self._pause(progress.tries)))

    def _pause(self, tries: int) -> float:
        ceiling = min(LONGEST_RETRY_SECONDS, self._rules.retry_seconds * 2.0 ** (tries - 1))
        return ceiling * (0.5 + 0.5 * self._jitter())

    async def _park(self, message: Msg, progress: Progress, error: AtollError) -> None:
        task = progress.task
        log.error("task %d of job %s is parked: %s", task.number, task.job, error.detail)
        await self._parking.put(message, f"job {task.job}: {error.detail}")
        progress.refused(str(task.number), error)
        await self._end(message, progress, "parked")

    async def _end(self, message: Msg, progress: Progress, state: str) -> None:
        await self._reports.tell(progress.outcome(state))  # type: ignore[arg-type]  # of TaskState, all
        await answer(message.ack())
