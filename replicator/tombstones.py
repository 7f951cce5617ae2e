"""Tombstones from elsewhere: the node applies them. I/O.

An upload that is processed after its tombstone needs no care here: the node answers `deleted`. A
tombstone is never given up: what cannot be applied now comes again.
"""

from __future__ import annotations

from collections.abc import Callable

from atoll.errors import AtollError
from replicator.figures import Figures
from replicator.own_node import NodeAway, OwnNode
from replicator.parking import Parking
from replicator.verdict import Verdict, judge
from replicator.work import Deleted


class Tombstones:
    """Carries out `Deleted` work. `again` gives a retry's delay (seconds) by the number of deliveries."""

    def __init__(
        self, node: OwnNode, parking: Parking, figures: Figures, retries: int, again: Callable[[int], float]
    ) -> None:
        self._node, self._parking, self._figures = node, parking, figures
        self._retries, self._again = retries, again

    async def carry_out(self, work: Deleted) -> None:
        """Apply one tombstone. `NodeAway` leaves the message in our hands."""
        try:
            applied = await self._node.apply(work.event.tombstone)
        except NodeAway:
            raise
        except AtollError as error:
            await self._failed(work, error)
            return
        self._figures.tombstones.labels("applied" if applied else "known").inc()
        work.delivery.ack()

    async def _failed(self, work: Deleted, error: AtollError) -> None:
        delivery = work.delivery
        if judge(error, delivery.delivered, self._retries) is Verdict.PARK:
            self._figures.tombstones.labels("parked").inc()
            await self._parking.park(delivery, f"{error.status} {error.detail}")
            return
        self._figures.tombstones.labels("retried").inc()
        await delivery.nak(self._again(delivery.delivered))
