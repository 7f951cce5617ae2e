"""One batch of events, until it is in the catalog or given back. I/O.

The order is the promise: catalog, caches, then ack. Nothing is given up: without MongoDB the batch in hand is
held and tried again. An event that the catalog refuses is tried alone, and parked only if it was that one.
A delivery of which only a part is in the batch is acknowledged with its last part. Called by the indexer's
one worker.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from atoll.backoff import Backoff
from atoll.bus import BusUnavailable
from atoll.events import AnyEvent
from atoll.lifecycle import Stop
from atoll.streams import answer
from query_service.catalog_errors import CatalogUnavailable
from query_service.catalog_writer import Applied
from query_service.event_reader import Delivery
from query_service.fold_window import Part
from query_service.indexer_metrics import IndexerMetrics
from query_service.parking import Parking

log = logging.getLogger(__name__)

TRIES_TOGETHER = 3  # then, if the catalog answers a ping, the batch is the trouble and not the catalog
ASIDE_SECONDS = 30.0


class Announcer(Protocol):
    """Makes every cache forget assets (None: all). Raises `BusUnavailable`. See `Invalidation.announce`."""

    async def __call__(self, asset_ids: Collection[str] | None, came: Mapping[str, int], /) -> None: ...


class Folds(Protocol):
    """What becomes of events: the catalog, and what else is made of them. See `Catalog.apply`."""

    async def apply(self, events: Sequence[AnyEvent], /) -> Applied: ...

    async def ping(self) -> None: ...


class Indexing:
    """Indexes batches, until `stop`: then what cannot be indexed at once is given back to the stream."""

    def __init__(
        self,
        catalog: Folds,
        announce: Announcer,
        parking: Parking,
        metrics: IndexerMetrics,
        stop: Stop,
        now_ms: Callable[[], int],
        clock: Callable[[], float],
        backoff: Backoff,
    ) -> None:
        """`clock` is monotonic seconds; `backoff` paces the tries while the catalog is away."""
        self._catalog, self._announce, self._parking, self._metrics = catalog, announce, parking, metrics
        self._stop, self._now_ms, self._clock, self._backoff = stop, now_ms, clock, backoff
        self._held = False

    async def until_done(self, batch: Sequence[Part]) -> None:
        """Return when nothing of the batch is in our hands any more."""
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

    async def _let_go(self, batch: Sequence[Part], attempt: int, error: Exception) -> bool:
        """Whether the batch need not be held any longer, after `attempt` tries together."""
        if self._stop.requested():
            await self._give_back(batch, 0)
            return True
        if attempt < TRIES_TOGETHER or isinstance(error, BusUnavailable) or not await self._catalog_answers():
            return False
        await self._index_each(batch)
        return True

    async def _settle(self, batch: Sequence[Part], refused: Sequence[tuple[Delivery, str]]) -> None:
        """One that was refused among others may have been refused for their sake: it is tried alone."""
        for delivery, reason in refused:
            if len(batch) == 1:
                await self._parking.park(delivery.message, f"the catalog refuses it: {reason}")
            else:
                await self.until_done([Part(delivery, delivery.event, last=True)])

    async def _index(self, batch: Sequence[Part]) -> list[tuple[Delivery, str]]:
        """Index the batch and acknowledge it; the deliveries that were refused are still in our hands."""
        started = self._clock()
        applied = await self._catalog.apply([part.event for part in batch])
        await self._announce(applied.changed, applied.came)
        reasons = {id(event): reason for event, reason in applied.refused}
        refused = {
            id(p.delivery): (p.delivery, reasons[id(p.event)]) for p in batch if id(p.event) in reasons
        }
        for delivery in (part.delivery for part in batch if part.last):
            if id(delivery) not in refused:
                await answer(delivery.message.ack())
                self._metrics.indexed(delivery.event, self._now_ms())
        self._metrics.batch_seconds.observe(self._clock() - started)
        return list(refused.values())

    async def _index_each(self, batch: Sequence[Part]) -> None:
        """One by one; what still fails waits its turn in the stream and is not in the way of the rest."""
        for part in batch:
            try:
                refused = await self._index([part])
            except (CatalogUnavailable, BusUnavailable) as error:
                log.error("event %s cannot be indexed now: %s", part.event.id, error.detail)
                await self._give_back([part], ASIDE_SECONDS)
            else:
                await self._settle([part], refused)

    async def _give_back(self, batch: Sequence[Part], seconds: float) -> None:
        """A delivery once given back is not acknowledged any more, whatever becomes of its other parts."""
        for delivery in {id(part.delivery): part.delivery for part in batch}.values():
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
