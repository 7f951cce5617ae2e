"""The indexer: events of every region become the catalog, and the caches forget what has changed.

All query services share one durable consumer per region, so each event is indexed by one of them; whatever
dies, its events are delivered to another. Readers fill one queue and one worker empties it, batch by batch:
events of all regions about one blob fold into one write, and a slow server makes larger batches by itself.
The order is the promise: catalog, caches, then ack. Nothing is given up: without MongoDB the batch in hand is
held and tried again. An event that the catalog refuses is tried alone, and parked only if it was that one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Protocol

from atoll.backoff import Backoff
from atoll.bus import BusUnavailable
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.lifecycle import Stop, Tasks
from atoll.model import Region
from atoll.streams import answer
from query_service.catalog import Catalog
from query_service.catalog_errors import CatalogUnavailable
from query_service.event_reader import Delivery, EventReader
from query_service.indexer_metrics import IndexerMetrics
from query_service.parking import Parking

log = logging.getLogger(__name__)

MAX_BATCH = 512
MAX_QUEUE = 1024
BACKLOG_SECONDS = 5.0
TRIES_TOGETHER = 3  # then, if the catalog answers a ping, the batch is the trouble and not the catalog
ASIDE_SECONDS = 30.0

Queue = asyncio.Queue[Delivery | None]  # None: nothing comes any more


class Announcer(Protocol):
    """Makes every cache forget assets (None: all). Raises `BusUnavailable`. See `Invalidation.announce`."""

    async def __call__(self, asset_ids: Collection[str] | None, /) -> None: ...


class Indexer:
    """One query service's share of the indexing. `start` it, and `stop` it before its tasks are cancelled."""

    def __init__(
        self,
        *,
        cluster: LiveClusterMap,
        make_reader: Callable[[Region, Queue], EventReader],
        catalog: Catalog,
        announce: Announcer,
        parking: Parking,
        metrics: IndexerMetrics,
        tasks: Tasks,
        now_ms: Callable[[], int],
        clock: Callable[[], float],
        backoff: Backoff,
    ) -> None:
        """`clock` is monotonic seconds; `backoff` paces the tries while the catalog is away."""
        self._cluster, self._make_reader, self._tasks = cluster, make_reader, tasks
        self._catalog, self._announce, self._parking, self._metrics = catalog, announce, parking, metrics
        self._now_ms, self._clock, self._backoff = now_ms, clock, backoff
        self._queue: Queue = asyncio.Queue(MAX_QUEUE)
        self._readers: dict[Region, tuple[EventReader, asyncio.Task[None]]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._stop = Stop()
        self._held = False

    def start(self) -> None:
        """Read every region of the map, those to come too, and index."""
        self._worker = self._tasks.start("indexer", self._work())
        self._tasks.start("indexer backlog", self._measure())
        self._cluster.on_change(self._follow)
        self._follow(self._cluster.current)

    async def stop(self) -> None:
        """Fetch no more, index what is in hand, and return; give it back if the catalog is away."""
        self._stop.request()
        self._follow(ClusterMap())
        await asyncio.gather(*(task for _, task in self._readers.values()), return_exceptions=True)
        await self._queue.put(None)
        if self._worker:
            await asyncio.gather(self._worker, return_exceptions=True)

    def _follow(self, cluster: ClusterMap) -> None:
        """Have one reader for each region, as the map describes it now."""
        regions = set() if self._stop.requested() else set(cluster.regions.values())
        for region in self._readers.keys() - regions:
            self._readers[region][0].stop()
        for region in regions - self._readers.keys():
            reader = self._make_reader(region, self._queue)
            task = self._tasks.start(f"indexer of {region.name}", reader.run())
            self._readers[region] = reader, task
            task.add_done_callback(partial(self._reader_ended, region))

    def _reader_ended(self, region: Region, task: asyncio.Task[None]) -> None:
        del self._readers[region]
        if not task.cancelled() and task.exception() is None:
            self._follow(self._cluster.current)  # the region may have come back meanwhile

    async def _work(self) -> None:
        while batch := await self._take():
            await self._index_until_done(batch)

    async def _take(self) -> list[Delivery]:
        """What waits, at most a batch of it; nothing at the end."""
        batch: list[Delivery] = []
        delivery = await self._queue.get()
        while delivery is not None:
            batch.append(delivery)
            if len(batch) == MAX_BATCH or self._queue.empty():
                return batch
            delivery = self._queue.get_nowait()
        if batch:
            self._queue.put_nowait(None)  # the end is still to be seen
        return batch

    async def _index_until_done(self, batch: Sequence[Delivery]) -> None:
        for attempt in itertools.count(1):
            try:
                refused = await self._index(batch)
            except (CatalogUnavailable, BusUnavailable) as error:
                self._hold(error)
                if await self._let_go(batch, attempt, error):
                    return
                await self._stop.sleep(self._backoff.next())
            else:
                self._go_on()
                await self._settle(batch, refused)
                return

    async def _let_go(self, batch: Sequence[Delivery], attempt: int, error: Exception) -> bool:
        """Whether the batch need not be held any longer, after `attempt` tries together."""
        if self._stop.requested():
            await self._give_back(batch, 0)
            return True
        if attempt < TRIES_TOGETHER or isinstance(error, BusUnavailable) or not await self._catalog_answers():
            return False
        await self._index_each(batch)
        return True

    async def _settle(self, batch: Sequence[Delivery], refused: Sequence[tuple[Delivery, str]]) -> None:
        """One that was refused among others may have been refused for their sake: it is tried alone."""
        for delivery, reason in refused:
            if len(batch) == 1:
                await self._parking.park(delivery.message, f"the catalog refuses it: {reason}")
            else:
                await self._index_until_done([delivery])

    async def _index(self, batch: Sequence[Delivery]) -> list[tuple[Delivery, str]]:
        """Index the batch and acknowledge it; the deliveries that were refused are still in our hands."""
        started = self._clock()
        applied = await self._catalog.apply([delivery.event for delivery in batch])
        await self._announce(applied.changed)
        reasons = {id(event): reason for event, reason in applied.refused}
        refused = []
        for delivery in batch:
            if id(delivery.event) in reasons:
                refused.append((delivery, reasons[id(delivery.event)]))
            else:
                await answer(delivery.message.ack())
                self._metrics.indexed(delivery.event, self._now_ms())
        self._metrics.batch_seconds.observe(self._clock() - started)
        return refused

    async def _index_each(self, batch: Sequence[Delivery]) -> None:
        """One by one; what still fails waits its turn in the stream and is not in the way of the rest."""
        for delivery in batch:
            try:
                refused = await self._index([delivery])
            except (CatalogUnavailable, BusUnavailable) as error:
                log.error("event %s cannot be indexed now: %s", delivery.event.id, error.detail)
                await self._give_back([delivery], ASIDE_SECONDS)
            else:
                await self._settle([delivery], refused)

    async def _give_back(self, batch: Sequence[Delivery], seconds: float) -> None:
        for delivery in batch:
            await answer(delivery.message.nak(delay=seconds))

    async def _catalog_answers(self) -> bool:
        try:
            await self._catalog.ping()
        except CatalogUnavailable:
            return False
        return True

    def _hold(self, error: CatalogUnavailable | BusUnavailable) -> None:
        if not self._held:
            log.warning("indexing waits: %s (%r)", error.detail, error.__cause__)
        self._held = True

    def _go_on(self) -> None:
        if self._held:
            log.info("indexing goes on")
        self._held = False
        self._backoff.reset()

    async def _measure(self) -> None:
        """Ask how much waits, for ever."""
        while True:
            await asyncio.sleep(BACKLOG_SECONDS)
            for reader, _ in list(self._readers.values()):
                self._metrics.backlog.labels(reader.region.name).set(await reader.backlog())
