"""Fetching an image by URL, as a task: it becomes what an upload with the task's ticket would have become.

The bucket's list of hosts is asked here once more, when the task is done: it may be empty by then. Safe to
repeat: a ticket that has stored something stores nothing else, and what it stored is the task's result.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable

from atoll.errors import OutwardFailed, OutwardRefused, TicketReplayed
from atoll.jobs import FetchWork, Task
from atoll.model import AssetRecord
from atoll.outward import Outward
from atoll.outward_url import host_allowed, parse_url
from storage_node.body_pace import Pace
from storage_node.ground import Ground
from storage_node.index_tickets import stored_with
from storage_node.ingest import Upload
from storage_node.jobs.confirmation import confirm
from storage_node.jobs.handler import Progress
from storage_node.upload_policy import max_bytes, upload_of
from storage_node.upload_side import UploadSide
from storage_node.url_fetch import Fetched, FetchRules, UrlFetcher


class FetchJob:
    """`settings.fetch_seconds` bounds one fetch as a whole; `uploads` take what comes."""

    def __init__(self, ground: Ground, outward: Outward, uploads: UploadSide) -> None:
        settings = ground.settings
        pace = Pace(settings.outward_idle_seconds, settings.upload_min_bytes_per_second)
        rules = FetchRules(settings.outward_ports, settings.fetch_redirects, pace)
        self._ground, self._cluster, self._fetcher = ground, ground.cluster, UrlFetcher(outward, rules)
        self._gate, self._ports = uploads.gate, settings.outward_ports
        self._door, self._intake, self._acknowledger = uploads.door, uploads.intake, uploads.acknowledger

    async def run(self, task: Task, progress: Progress) -> None:
        """One image. Raises what the URL, the picture or the node cannot do."""
        work = task.work
        assert isinstance(work, FetchWork)
        record = await self._stored(work) or await self._fetch(work)
        await confirm(self._acknowledger, record, work.ticket)
        progress.made_asset(record.asset_id)
        progress.did()

    async def _stored(self, work: FetchWork) -> AssetRecord | None:
        """What an earlier try stored."""
        look = stored_with(work.ticket.ticket_id, work.file)
        return await asyncio.get_running_loop().run_in_executor(
            self._ground.readers, self._ground.index.read, look
        )

    async def _fetch(self, work: FetchWork) -> AssetRecord:
        await self._heard(work)
        hosts, limit = self._hosts(work), max_bytes(work.ticket, self._ground.settings, self._cluster.current)
        seconds = self._ground.settings.fetch_seconds
        self._door.check_draining()
        try:
            with self._door.place():
                async with asyncio.timeout(seconds), self._fetcher.fetched(work.url, hosts, limit) as fetched:
                    return await self._take(work, fetched, limit)
        except TimeoutError as error:
            raise OutwardFailed(f"The image did not come within {seconds:g} s.", seconds=seconds) from error
        except TicketReplayed:  # another try was faster, and the other server's image has changed between
            if (record := await self._stored(work)) is None:
                raise
            return record

    async def _heard(self, work: FetchWork) -> None:
        """The order may be faster than the news of its bucket, or of the host that it has just been given."""
        host, bucket = parse_url(work.url, self._ports).host, work.ticket.bucket
        await self._gate.heard(
            lambda current: (
                bucket in current.buckets and host_allowed(host, current.buckets[bucket].fetch_hosts)
            )
        )

    def _hosts(self, work: FetchWork) -> Iterable[str]:
        bucket = self._cluster.current.buckets.get(work.ticket.bucket)
        if bucket is None or not bucket.fetch_hosts:
            raise OutwardRefused(
                "This bucket fetches nothing: its fetch_hosts are empty.", bucket=work.ticket.bucket
            )
        return bucket.fetch_hosts

    async def _take(self, work: FetchWork, fetched: Fetched, limit: int) -> AssetRecord:
        expected = limit if fetched.length is None else fetched.length
        return await self._intake.take(fetched.pieces, self._upload(work, fetched.filename), expected)

    def _upload(self, work: FetchWork, filename: str | None) -> Upload:
        upload = upload_of(
            work.ticket, work.file, filename, None, self._ground.settings, self._cluster.current
        )
        return dataclasses.replace(upload, claims=())  # the suffix in a URL claims nothing
