"""Uploads in the background: the job that makes an image's eager derivatives, durable before the answer.

The job and its task go through the node's outbox, as events do: neither NATS nor MongoDB need be there. Both
follow from the stored record, so that an upload that is repeated begins no second job. Called by
upload_answer.py.
"""

from __future__ import annotations

import asyncio
import sqlite3

from atoll import jobs
from atoll.events import JobMade
from atoll.jobs import JobFacts, JobItem, RenderWork, Task, new_task, upload_job_id
from atoll.model import AssetRecord
from atoll.node_api import JobStarted, handle_of
from atoll.signing import Ticket
from storage_node.index import Index
from storage_node.index_rows import put_event
from storage_node.origin import Origin
from storage_node.peers import MapView


class BackgroundUploads:
    """`cluster` knows what buckets have made of every image."""

    def __init__(self, index: Index, origin: Origin, cluster: MapView) -> None:
        self._index, self._origin, self._cluster = index, origin, cluster

    async def begin(self, record: AssetRecord, ticket: Ticket) -> JobStarted:
        """Return when the job is durable here. `StoreFailed`, `NoSpace`."""
        origin, now = self._origin, self._origin.now_ms()
        job = upload_job_id(record.version)
        item = JobItem(record.asset_id, record.public_id, str(handle_of(record)), record.blob.size)
        work = RenderWork(record.bucket, (item,), self._transformations(record, ticket))
        task = new_task(job, 0, origin.region, origin.set, now, work)
        facts = JobFacts(job, "upload", record.bucket, record.public_id, record.by, now, 1, 1)
        made = JobMade(**origin.stamp(now), job=facts)

        def operation(db: sqlite3.Connection) -> None:
            put_event(db, made)
            put_task(db, task)

        await asyncio.wrap_future(self._index.write(operation))
        return JobStarted(job, f"/v1/jobs/{job}")

    def _transformations(self, record: AssetRecord, ticket: Ticket) -> tuple[str, ...]:
        bucket = self._cluster.current.buckets.get(record.bucket)
        return tuple(dict.fromkeys((*(bucket.eager if bucket else ()), *ticket.eager)))


def put_task(db: sqlite3.Connection, task: Task) -> None:
    """A task into the outbox, which seals and publishes it as it does events."""
    db.execute(
        "INSERT INTO outbox (event_id, subject, body, at) VALUES (?, ?, ?, ?)",
        (task.id, task.subject, jobs.task_body(task), task.at),
    )
