"""Pulls of uploads: order, and what follows when the order fails. I/O.

The message is acknowledged only after the node said that the bytes are durable, or that it noted
durably that they are wanted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from atoll.errors import AtollError, UpstreamFailed
from atoll.events import BlobStored
from atoll.node_api import PullOrder, PullResult, WantedOrder
from replicator.figures import Figures
from replicator.own_node import NodeAway, OwnNode
from replicator.parking import Parking
from replicator.sources import Sources
from replicator.verdict import Verdict, judge
from replicator.work import Stored


class Outcome(NamedTuple):
    """What became of an order, and how long that took."""

    result: PullResult | AtollError
    seconds: float


class Pulls:
    """Carries out `Stored` work. `again` gives a retry's delay (seconds) by the number of deliveries."""

    def __init__(
        self,
        node: OwnNode,
        sources: Sources,
        parking: Parking,
        figures: Figures,
        retries: int,
        again: Callable[[int], float],
    ) -> None:
        self._node, self._sources, self._parking, self._figures = node, sources, parking, figures
        self._retries, self._again = retries, again

    async def order(self, works: Sequence[Stored]) -> list[Outcome]:
        """Order all of them in one request, and see what became of each."""
        orders = [PullOrder(work.event.asset, self._sources.of_event(work.event)) for work in works]
        started = time.monotonic()
        results = await self._node.pull_all(orders)
        if len(results) != len(works):
            results = [UpstreamFailed("The node did not answer every order.")] * len(works)
        seconds = time.monotonic() - started
        return [Outcome(result, seconds) for result in results]

    async def settle(self, work: Stored, outcome: Outcome) -> None:
        """Do with the message what follows from it. `NodeAway` leaves it in our hands."""
        result = outcome.result
        if isinstance(result, NodeAway):
            raise result
        if isinstance(result, AtollError):
            await self._failed(work, result)
            return
        self._count(work.event, result, outcome.seconds)
        work.delivery.ack()

    def _count(self, event: BlobStored, result: PullResult, seconds: float) -> None:
        figures = self._figures
        figures.pulls.labels(result.status).inc()
        figures.pull_seconds.observe(seconds)
        if result.status == "stored":
            figures.bytes.inc(event.asset.blob.size)
            figures.lag_seconds.labels(event.region).observe(self._sources.age_seconds(event))

    async def _failed(self, work: Stored, error: AtollError) -> None:
        match judge(error, work.delivery.delivered, self._retries):
            case Verdict.PARK:
                self._figures.pulls.labels("parked").inc()
                await self._parking.park(work.delivery, f"{error.status} {error.detail}")
            case Verdict.WANT:
                await self._want(work, error)
            case Verdict.RETRY:
                await self._retry(work)

    async def _want(self, work: Stored, error: AtollError) -> None:
        try:
            await self._node.want(WantedOrder(work.event.asset, error.detail))
        except NodeAway:
            raise
        except AtollError:  # it could not note it: the stream goes on keeping it
            await self._retry(work)
            return
        self._figures.pulls.labels("wanted").inc()
        work.delivery.ack()

    async def _retry(self, work: Stored) -> None:
        self._figures.pulls.labels("retried").inc()
        await work.delivery.nak(self._again(work.delivery.delivered))
