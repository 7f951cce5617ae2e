"""Pulls of wanted blobs: as any pull, but there is no message; the node keeps the note. I/O."""

from __future__ import annotations

import logging

from atoll.errors import AtollError
from atoll.node_api import PullOrder, WantedOrder
from replicator.figures import Figures
from replicator.own_node import NodeAway, OwnNode
from replicator.sources import Sources
from replicator.work import TryResult, Wanted

log = logging.getLogger(__name__)


class WantedPulls:
    """Carries out `Wanted` work."""

    def __init__(self, node: OwnNode, sources: Sources, figures: Figures) -> None:
        self._node, self._sources, self._figures = node, sources, figures

    async def carry_out(self, work: Wanted) -> None:
        """One more try; the node forgets the note when it succeeds. `NodeAway` leaves it for later."""
        result = await self._try(work)
        self._figures.wanted_retries.labels(result).inc()
        if result == "stored":
            self._figures.bytes.inc(work.item.asset.blob.size)
        if not work.done.done():  # the walk may have been cancelled meanwhile
            work.done.set_result(result)

    async def _try(self, work: Wanted) -> TryResult:
        asset = work.item.asset
        try:
            return (await self._node.pull(PullOrder(asset, self._sources.of_wanted()))).status
        except NodeAway:
            raise
        except AtollError as error:  # even a rejection for good: the note is where it can be seen
            return await self._note(WantedOrder(asset, error.detail))

    async def _note(self, order: WantedOrder) -> TryResult:
        try:
            await self._node.want(order)
        except NodeAway:
            raise
        except AtollError as error:
            log.warning("the node cannot note that a blob is wanted: %s", error.detail)
            return "unnoted"
        return "failed"
