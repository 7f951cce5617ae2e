"""A job's tasks into the work queues, and out of them again. I/O.

The order: the job is noted in MongoDB, its tasks are queued, the job is noted as ready – so nobody ever
watches a job that is not there, and one that broke off in between shows as "preparing" until it is given up
(job_silence.py). Task ids follow from the job's, so a repeated publish makes no second task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from atoll import jobs
from atoll.bus import Bus, BusUnavailable
from atoll.cluster import ClusterMap
from atoll.errors import Unavailable
from atoll.job_stream import ensure_job_stream, put_task, remove_job
from atoll.jobs import JobFacts, Task, Work
from atoll.model import Region
from atoll.signing import Keys
from query_service.cluster_view import Views
from query_service.hook_messages import job_message
from query_service.hook_store import HookStore
from query_service.job_store import JobStore

log = logging.getLogger(__name__)

_AT_ONCE = 16


class JobDispatch:
    """`own_region` is preferred; `replicas` of the queues."""

    def __init__(
        self,
        bus: Bus,
        keys: Keys,
        store: JobStore,
        hooks: HookStore,
        views: Views,
        own_region: str,
        replicas: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._bus, self._keys, self._store, self._hooks, self._views = bus, keys, store, hooks, views
        self._own_region, self._replicas, self._now_ms = own_region, replicas, now_ms

    @property
    def _map(self) -> ClusterMap:
        return self._views.current().cluster

    def region_for(self, set_name: str) -> str:
        """Where a set's work is done: the nearest region that has a healthy node of it, else the nearest."""
        view = self._views.current()
        nearest = view.cluster.nearest_members(set_name, self._own_region)
        healthy = {candidate.node.name for candidate in view.healthy(nearest)}
        ordered = sorted(nearest, key=lambda node: node.name not in healthy)  # stable: nearest first in each
        if not ordered:
            raise Unavailable(f"The set {set_name} has no nodes now.", set=set_name, retry_after=5)
        return ordered[0].region

    def tasks(self, job: str, work: Sequence[tuple[str, str, Work]]) -> list[Task]:
        """Tasks of (region, set, work), numbered in order."""
        now = self._now_ms()
        return [
            jobs.new_task(job, number, region, set_name, now, what)
            for number, (region, set_name, what) in enumerate(work)
        ]

    async def start(self, facts: JobFacts, tasks: Sequence[Task]) -> None:
        """Return when the job is noted and all its tasks are queued. `BusUnavailable`, `CatalogUnavailable`:
        then the order is to be given again."""
        await self._store.make(facts)
        try:
            for name in sorted({task.region for task in tasks}):
                await ensure_job_stream(self._bus, self._map.region(name), self._replicas)
            room = asyncio.Semaphore(_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(self._put(task, room))
        except* BusUnavailable as errors:
            await self._store.cancel(facts.id, self._now_ms())
            await self._forget(facts.id)
            raise errors.exceptions[0] from None
        await self._store.ready(facts)
        if not tasks:  # no node will ever say that it has ended
            await self._tell_end(facts.id)

    async def _put(self, task: Task, room: asyncio.Semaphore) -> None:
        async with room:
            await put_task(self._bus, self._map.region(task.region), task, self._keys)

    async def cancel(self, job: str) -> None:
        """Note it, take its tasks out of all queues, and tell those who are at one of them."""
        await self._store.cancel(job, self._now_ms())
        await self._forget(job)

    async def give_up(self, job: str, why: str) -> None:
        """The same for a job that has failed without a word; webhooks are told."""
        await self._store.give_up(job, self._now_ms(), why)
        await self._forget(job)
        await self._tell_end(job)

    async def _tell_end(self, job: str) -> None:
        document = await self._store.get(job)
        if document and (message := job_message(document)):
            await self._hooks.queue([message], self._now_ms())

    async def _forget(self, job: str) -> None:
        for region in self._map.regions.values():
            await self._forget_in(region, job)
        try:
            body, headers = jobs.seal_cancel(job, self._keys)
            await self._bus.publish(jobs.CANCEL_SUBJECT, body, headers)
        except BusUnavailable as error:  # then what is under way is done to its end
            log.warning("nobody was told that job %s is cancelled: %s", job, error.detail)

    async def _forget_in(self, region: Region, job: str) -> None:
        try:
            await remove_job(self._bus, region, job)
        except BusUnavailable as error:
            log.warning("tasks of job %s stay in the queue of %s: %s", job, region.name, error.detail)
