"""Orders of repair: a tombstone to apply, or bytes to pull. No message stands behind them. I/O.

What cannot be pulled now is noted with the node as wanted, and tried again from there (wanted_walk.py).
"""

from __future__ import annotations

import logging

from atoll.errors import AtollError, NoSpace
from atoll.model import Tombstone
from atoll.node_api import PullOrder, WantedOrder
from replicator.anti_entropy_figures import RepairFigures
from replicator.figures import Figures
from replicator.own_node import NodeAway, OwnNode
from replicator.verdict import Verdict, judge
from replicator.work import Mend, MendResult

log = logging.getLogger(__name__)


class Mends:
    """Carries out `Mend` work."""

    def __init__(self, node: OwnNode, figures: Figures, repair: RepairFigures) -> None:
        self._node, self._figures, self._repair = node, figures, repair

    async def carry_out(self, work: Mend) -> None:
        """One order. `NodeAway` leaves it in the window; one that nobody waits for any more is dropped."""
        if work.done.done():
            return
        result = await self._try(work.order)
        self._repair.mended.labels(result).inc()
        if isinstance(work.order, PullOrder) and result == "stored":
            self._figures.bytes.inc(work.order.asset.blob.size)
        if not work.done.done():
            work.done.set_result(result)

    async def _try(self, order: PullOrder | Tombstone) -> MendResult:
        try:
            if isinstance(order, Tombstone):
                return "applied" if await self._node.apply(order) else "known"
            return (await self._node.pull(order)).status
        except NodeAway:
            raise
        except NoSpace:
            return "full"
        except AtollError as error:
            if isinstance(order, Tombstone) or judge(error, 1, 1) is Verdict.PARK:
                log.warning("the node refuses an order of repair: %s", error.detail)
                return "refused"
            return await self._note(WantedOrder(order.asset, error.detail))

    async def _note(self, order: WantedOrder) -> MendResult:
        try:
            await self._node.want(order)
        except NodeAway:
            raise
        except AtollError as error:
            log.warning("the node cannot note that a blob is wanted: %s", error.detail)
        return "failed"
