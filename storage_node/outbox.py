"""The outbox: events leave index.db for the region's stream, at least once, in order of commit.

The index's writer tells what each commit added (outbox_feed.py); a batch is published concurrently, and what
was acknowledged is struck out a moment later, many at once (outbox_notes.py). An event that was published but
not yet struck out when the node died is published again with the same Nats-Msg-Id, which the stream drops.
While NATS is away events wait on the disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor

from prometheus_client import CollectorRegistry, Counter

from atoll.backoff import Backoff
from atoll.bus import Bus
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Failed, Unavailable
from atoll.job_stream import ensure_job_stream
from atoll.kept_publisher import KeptPublisher
from atoll.signing import Keys
from atoll.streams import ensure_stream
from storage_node.index import Index
from storage_node.index_rows import OutboxRow
from storage_node.membership import Membership
from storage_node.outbox_feed import OutboxFeed
from storage_node.outbox_messages import messages
from storage_node.outbox_notes import OutboxNotes
from storage_node.settings import NodeSettings

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
# After a batch of several, the next one waits a moment for more: together they cost the network less. An
# event that comes alone waits for nothing.
_RUSH_SECONDS = 0.01


class Outbox:
    """Publishes one node's events."""

    def __init__(
        self,
        settings: NodeSettings,
        index: Index,
        bus: Bus,
        cluster: LiveClusterMap,
        keys: Keys,
        threads: Executor,
        feed: OutboxFeed,
        registry: CollectorRegistry,
        membership: Membership,
    ) -> None:
        self._membership = membership
        self._settings, self._index, self._bus = settings, index, bus
        self._cluster, self._keys, self._threads = cluster, keys, threads
        self._feed = feed
        self._publisher = KeptPublisher(bus)
        self._notes = OutboxNotes(index, settings.outbox_batch, time.monotonic)
        self._stream_known = False
        self._published = Counter("atoll_outbox_published", "Events acknowledged.", registry=registry)
        self._failures = Counter(
            "atoll_outbox_failures", "Batches that were not acknowledged.", registry=registry
        )

    async def run(self) -> None:
        """Publish for ever."""
        await self._cluster.wait_for(lambda m: self._settings.region in m.regions)
        backoff = Backoff(0.1, 5.0)
        try:
            while True:
                await self._membership.is_member()
                await self._step(backoff)
        finally:
            self._notes.strike_at_end()

    async def _step(self, backoff: Backoff) -> None:
        """Publish what waits, or wait for it."""
        self._feed.wake.clear()
        try:
            published = await self._publish_batch()
            backoff.reset()
        except Failed as error:  # no NATS; or a disk too full to note what was published
            self._failures.inc()
            self._stream_known = False  # perhaps it is gone: ask, and make it again
            self._feed.fall_behind()  # what was not acknowledged is in the index only
            log.warning("outbox waits: %s", error.detail)
            await asyncio.sleep(backoff.next())
            return
        if not published:
            await self._wait()
        elif 1 < published < self._settings.outbox_batch:
            await asyncio.sleep(_RUSH_SECONDS)

    async def _wait(self) -> None:
        """Until there may be something to publish, or to strike out."""
        wait = self._notes.wait
        try:
            await asyncio.wait_for(self._feed.wake.wait(), _POLL_SECONDS if wait is None else wait)
        except TimeoutError:
            if wait is None:
                self._feed.fall_behind()  # nothing for long: look whether that is so

    async def _publish_batch(self) -> int:
        """Strike out what is due and publish what waits, up to a batch; how many there were."""
        if self._notes.wait == 0:
            await self._notes.strike()
        if not self._stream_known:  # before the first event: its readers wait for the stream
            await self._make_stream()
            self._stream_known = True
        rows = await self._unpublished()
        if not rows:
            return 0
        some = list(messages(rows, self._keys))
        outcomes = await self._publisher.publish([message.kept for message in some])
        outcome_of = zip(some, outcomes, strict=True)
        sent = [seq for message, outcome in outcome_of if outcome is None for seq in message.seqs]
        self._published.inc(len(sent))
        self._notes.add(sent)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return len(rows)

    async def _make_stream(self) -> None:
        region = self._cluster.current.regions.get(self._settings.region)
        if region is None:  # somebody took it out of the map: what waits is kept until it is back
            raise Unavailable(f"Region {self._settings.region} is not in the cluster map.")
        await ensure_stream(
            self._bus, region, self._settings.stream_max_age_hours, self._settings.nats_replicas
        )
        try:
            await ensure_job_stream(self._bus, region, self._settings.nats_replicas)
        except Unavailable as error:  # work waits then; news of images does not wait for it
            log.warning("no work queue: %s", error.detail)

    async def _unpublished(self) -> Sequence[OutboxRow]:
        """The oldest events that wait, at most a batch."""
        if not self._feed.behind:
            return self._feed.take(self._settings.outbox_batch)
        return await self._from_index()

    async def _from_index(self) -> Sequence[OutboxRow]:
        """The same, read; when that is all there is, the feed goes on from there."""
        limit = self._settings.outbox_batch + len(self._notes)
        self._feed.catch_up()
        rows = await asyncio.get_running_loop().run_in_executor(self._threads, self._index.outbox, limit)
        if len(rows) == limit:
            self._feed.fall_behind()
        elif rows:
            self._feed.was_read(rows[-1].seq)
        return [row for row in rows if row.seq not in self._notes.seqs]
