"""The indexer: events of every region become the catalog, and the caches forget what has changed.

All query services share one durable consumer per region, so each event is indexed by one of them; whatever
dies, its events are delivered to another. Whose turn it is to read is in `indexer_turn`. Readers fill one
queue and one worker empties it, batch by batch: events of all regions about one blob fold into one write
(`fold_window`). After each write comes a rest in proportion to what it took, so that under load batches grow:
one write of many costs the catalog far less than many writes. The first event after a pause waits for
nothing, nor does what is left by a full batch. What becomes of a batch is in `indexing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from functools import partial

from atoll.backoff import Backoff
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.lifecycle import Stop, Tasks
from atoll.model import Region
from query_service.event_reader import Delivery, EventReader
from query_service.fold_window import FoldWindow, Part
from query_service.indexer_metrics import IndexerMetrics
from query_service.indexer_turn import IndexerTurn
from query_service.indexing import Announcer, Folds, Indexing
from query_service.parking import Parking

MAX_BATCH = 512
MAX_QUEUE = 1024
BACKLOG_SECONDS = 5.0
REST = 20  # times as long as a write took is rested after it: the catalog has a twentieth of the time for us
LEAST_REST_SECONDS, MOST_REST_SECONDS = 0.05, 1.0

Queue = asyncio.Queue[Delivery | None]  # None: nothing comes any more


class Indexer:
    """One query service's share of the indexing. `start` it, and `stop` it before its tasks are cancelled."""

    def __init__(
        self,
        *,
        cluster: LiveClusterMap,
        make_reader: Callable[[Region, Queue], EventReader],
        catalog: Folds,
        announce: Announcer,
        parking: Parking,
        metrics: IndexerMetrics,
        tasks: Tasks,
        now_ms: Callable[[], int],
        clock: Callable[[], float],
        backoff: Backoff,
        turn: IndexerTurn | None = None,
        fold_seconds: float = 0.0,
        silent: Callable[[str], bool] = lambda _node: False,
    ) -> None:
        """`clock` is monotonic seconds; `backoff` paces the tries while the catalog is away. `turn`: asked by
        the readers, too; without it we are alone. `fold_seconds`: how long events wait for company, but not
        for that of `silent` nodes.
        """
        self._cluster, self._make_reader, self._tasks = cluster, make_reader, tasks
        self._metrics, self._clock = metrics, clock
        self._queue: Queue = asyncio.Queue(MAX_QUEUE)
        self._readers: dict[Region, tuple[EventReader, asyncio.Task[None]]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._stop, self._turn = Stop(), turn
        self._window, self._silent = FoldWindow(self._members, fold_seconds), silent
        self._indexing = Indexing(catalog, announce, parking, metrics, self._stop, now_ms, clock, backoff)

    def start(self) -> None:
        """Read every region of the map, those to come too, and index."""
        self._worker = self._tasks.start("indexer", self._work())
        self._tasks.start("indexer backlog", self._measure())
        if self._turn:
            self._tasks.start("indexer turn", self._turn.run())
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
        if self._turn:
            await self._turn.pass_on()

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
        going = True
        while going:
            going, deliveries = await self._take()
            begun = self._clock()
            for batch in _batches(self._window.let_go(deliveries, begun, everything=not going)):
                await self._indexing.until_done(batch)
            if going and len(deliveries) < MAX_BATCH:
                await self._stop.sleep(rest_after(self._clock() - begun))

    async def _take(self) -> tuple[bool, list[Delivery]]:
        """What waits, at most a batch of it; False with the last of it. Waits for some if nothing is held."""
        batch: list[Delivery] = []
        while len(batch) < MAX_BATCH:
            if self._queue.empty() and (batch or (self._window.holds and not self._stop.requested())):
                break
            delivery = await self._queue.get()
            if delivery is None:
                return False, batch
            batch.append(delivery)
        return True, batch

    def _members(self, set_name: str) -> Collection[str]:
        members = self._cluster.current.members(set_name)
        return [node.name for node in members if not self._silent(node.name)]

    async def _measure(self) -> None:
        """Ask how much waits, for ever."""
        while True:
            await asyncio.sleep(BACKLOG_SECONDS)
            waiting = 0.0
            for reader, _ in list(self._readers.values()):
                backlog = await reader.backlog()
                self._metrics.backlog.labels(reader.region.name).set(backlog)
                waiting += backlog
            if self._turn:
                self._turn.heard_backlog(waiting)


def rest_after(seconds: float) -> float:
    """How long to rest after a write that took so long; seconds."""
    return min(max(seconds * REST, LEAST_REST_SECONDS), MOST_REST_SECONDS)


def _batches(parts: list[Part]) -> Iterator[list[Part]]:
    """What the catalog takes in one write without making its caller wait too long."""
    for start in range(0, len(parts), MAX_BATCH):
        yield parts[start : start + MAX_BATCH]
