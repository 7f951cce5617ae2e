"""The work queue of a region on JetStream: made when it is missing, filled, and emptied of one job. I/O.

A queue, not a log: a task that is acknowledged is gone. When it is full new tasks are refused – the job is
not taken – and none is pushed out. Query services fill it for jobs that people order; nodes fill it through
their outbox, for uploads in the background; the nodes' processors read it.
"""

from __future__ import annotations

import logging

import nats.js.errors
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from atoll import jobs
from atoll.bus import FOREIGN_ERRORS, Bus, BusUnavailable
from atoll.events import event_headers
from atoll.jobs import Task
from atoll.model import Region
from atoll.signing import Keys

log = logging.getLogger(__name__)

MAX_BYTES = 128 * 2**20  # JetStream sets so much of its disk aside; a task is 1 to 200 KB
MAX_AGE_DAYS = 7  # a task that nobody could do for so long is not wanted any more
_IN_USE = 10058  # JetStream error code: stream name already in use (somebody was faster)


async def ensure_job_stream(bus: Bus, region: Region, replicas: int) -> None:
    """Make the region's work queue unless it is there. `BusUnavailable` when JetStream does not answer."""
    name = jobs.stream_of(region.name)
    config = StreamConfig(
        name=name,
        subjects=jobs.stream_subjects(region.name),
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=MAX_AGE_DAYS * 86400.0,
        max_bytes=MAX_BYTES,
        max_msg_size=2 * jobs.MAX_TASK_BYTES,
        num_replicas=replicas,
        duplicate_window=600.0,
    )
    js = bus.jetstream(region.jetstream_domain)
    try:
        try:
            await js.stream_info(name)
        except nats.js.errors.NotFoundError:
            await js.add_stream(config)
            log.info("made stream %s", name)
    except nats.js.errors.BadRequestError as error:
        if error.err_code != _IN_USE:
            raise BusUnavailable(f"stream {name} cannot be made: {error!r}") from error
    except FOREIGN_ERRORS as error:
        raise BusUnavailable(f"stream {name} cannot be made: {error!r}", retry_after=1) from error


async def put_task(bus: Bus, region: Region, task: Task, keys: Keys) -> None:
    """Return when the task is kept. `BusUnavailable` when it is not; putting it again makes no second one."""
    body = jobs.task_body(task)
    headers = event_headers(task.id, task.subject, body, keys)
    await bus.publish_kept(task.subject, body, headers, region.jetstream_domain)


async def put_back(bus: Bus, region: Region, task: Task, keys: Keys, delivered: int) -> None:
    """The same for a task that was taken from there, as message `delivered`: its tries are counted anew."""
    body = jobs.task_body(task)
    headers = event_headers(f"{task.id}/{delivered}", task.subject, body, keys)
    await bus.publish_kept(task.subject, body, headers, region.jetstream_domain)


async def remove_job(bus: Bus, region: Region, job: str) -> None:
    """Take away all tasks of a job that nobody has begun, and those that wait for another try."""
    try:
        await bus.jetstream(region.jetstream_domain).purge_stream(
            jobs.stream_of(region.name), subject=jobs.job_subject(job)
        )
    except nats.js.errors.NotFoundError:
        return
    except FOREIGN_ERRORS as error:
        raise BusUnavailable(f"the work queue of {region.name}: {error!r}", retry_after=1) from error
