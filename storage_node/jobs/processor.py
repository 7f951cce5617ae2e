"""The loop that takes tasks of the node's set from its region's queue, a bounded number at once. I/O.

All nodes of a set in one region share a durable consumer, so each task goes to one of them. Fetches only what
there is a free place for: what waits stays in the queue, where any node of the set may take it. A job that is
cancelled is forgotten by the queue at once; its tasks that are under way hear of it by a word on core NATS,
and if that is lost they are done to their end, which harms nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from nats.aio.msg import Msg

from atoll import jobs
from atoll.backoff import Backoff
from atoll.bus import Bus, BusUnavailable
from atoll.cluster_map import LiveClusterMap
from atoll.errors import AtollError
from atoll.job_stream import ensure_job_stream
from atoll.jobs import BadTask, Task
from atoll.lifecycle import cancel_and_wait
from atoll.model import Region
from atoll.parking import ParkingPlace
from atoll.signing import Keys
from atoll.streams import Consumer, answer
from storage_node.jobs.attempt import Attempts
from storage_node.membership import Membership
from storage_node.origin import Origin

log = logging.getLogger(__name__)

FETCH_SECONDS = 1.0
MAX_ACK_PENDING = 1024  # of all nodes of the set in the region, tasks that wait for another try included
# A task whose node gives no sign of life for so long goes to another one (attempt.py: every two seconds).
ACK_WAIT_SECONDS = 10.0
_REMEMBERED = 1000


class Cancels:
    """Jobs that are not wanted any more; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, None] = OrderedDict()

    def add(self, job: str) -> None:
        self._jobs[job] = None
        if len(self._jobs) > _REMEMBERED:
            self._jobs.popitem(last=False)

    def __contains__(self, job: str) -> bool:
        return job in self._jobs


class Processor:
    """`workers` tasks at once; 0: none is ever taken."""

    def __init__(
        self,
        bus: Bus,
        keys: Keys,
        cluster: LiveClusterMap,
        origin: Origin,
        attempts: Attempts,
        cancels: Cancels,
        parking: ParkingPlace,
        membership: Membership,
        workers: int,
        replicas: int,
    ) -> None:
        self._bus, self._keys, self._cluster, self._origin = bus, keys, cluster, origin
        self._attempts, self._cancels, self._parking = attempts, cancels, parking
        self._membership, self._workers, self._replicas = membership, workers, replicas
        self._running: dict[asyncio.Task[None], str] = {}
        self._free = asyncio.Event()

    async def run(self) -> None:
        """Take tasks for ever; at the end those under way are given back."""
        if not self._workers:
            return
        await self._cluster.wait_for(lambda m: self._origin.region in m.regions)
        await self._bus.subscribe(jobs.CANCEL_SUBJECT, self._hear)
        try:
            while True:
                await self._membership.is_member()
                await self._read(self._cluster.current.region(self._origin.region))
        finally:
            await cancel_and_wait(self._running)

    async def _read(self, region: Region) -> None:
        """Until the queue cannot be read, or the region is another."""
        backoff, consumer = Backoff(0.2, 5.0), self._consumer(region)
        try:
            while self._cluster.current.regions.get(region.name) == region and not self._membership.removed:
                try:
                    await self._step(consumer, region)
                    backoff.reset()
                except BusUnavailable as error:
                    log.debug("the work queue cannot be read: %s", error.detail)
                    await asyncio.sleep(backoff.next())
        finally:
            await consumer.release()

    def _consumer(self, region: Region) -> Consumer:
        set_name = self._origin.set
        return Consumer(
            self._bus,
            region,
            f"jobs-{set_name}",
            jobs.set_subjects(region.name, set_name),
            max_ack_pending=MAX_ACK_PENDING,
            stream=jobs.stream_of(region.name),
            ack_wait=ACK_WAIT_SECONDS,
        )

    async def _step(self, consumer: Consumer, region: Region) -> None:
        while len(self._running) >= self._workers:
            self._free.clear()
            await self._free.wait()
        try:
            messages = await consumer.fetch(1, FETCH_SECONDS)
        except BusUnavailable:  # perhaps nobody has made the queue yet
            await ensure_job_stream(self._bus, region, self._replicas)
            raise
        for message in messages:
            await self._take(message)

    async def _take(self, message: Msg) -> None:
        try:
            task = jobs.open_task(message.subject, message.data, message.headers, self._keys)
        except BadTask as error:
            await self._parking.put(message, str(error))
            await answer(message.term())
            return
        running = asyncio.create_task(self._do(message, task), name=f"job {task.job} {task.number}")
        self._running[running] = task.job
        running.add_done_callback(self._ended)

    async def _do(self, message: Msg, task: Task) -> None:
        try:
            await self._attempts.run(message, task)
        except AtollError as error:  # neither done nor noted: the queue gives it out again
            log.warning("task %d of job %s: %s", task.number, task.job, error.detail)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.pop(running, None)
        self._free.set()
        if not running.cancelled() and (error := running.exception()):
            log.error("a task ended unexpectedly", exc_info=error)

    async def _hear(self, message: Msg) -> None:
        try:
            job = jobs.open_cancel(message.data, message.headers, self._keys)
        except BadTask as error:
            log.warning("a word about a job is not ours: %s", error)
            return
        self._cancels.add(job)
        for running in [task for task, of in self._running.items() if of == job]:
            running.cancel()
