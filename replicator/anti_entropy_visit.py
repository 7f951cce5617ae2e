"""One comparison of the own node with one peer, and the mending of what it shows. I/O.

Asset records and tombstones first, because bytes come with their records; then the blobs, for copies that
were lost while their record stayed. Only what the own node lacks is mended: the peer's replicator does the
same the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from atoll.model import AssetRecord
from atoll.node_api import PullOrder
from atoll.node_trees import NodeTrees
from atoll.repair_api import LEAVES, Tree
from atoll.tree_diff import LeafDifference
from atoll.tree_walk import differences, trees_that_differ
from replicator.anti_entropy_ahead import OneBehind
from replicator.anti_entropy_figures import RepairFigures
from replicator.anti_entropy_memory import Memory
from replicator.anti_entropy_orders import Orders, Tally
from replicator.anti_entropy_plan import Lacking, joined, lacking, records_of, tombstone_of

BATCH = 200  # assets that are asked about together, at least, while there are as many


class Records(Protocol):
    """What a visit asks of the own node beside its trees."""

    async def record(self, bucket: str, sha256: str) -> AssetRecord | None:
        """A record that uses a blob, held here or not; None when there is none."""


@dataclass(frozen=True)
class Visit:
    """`sources`: whom to pull from, this peer first. `progress` is told how far the walk is, 0 to 1."""

    here: NodeTrees
    there: NodeTrees
    node: Records
    orders: Orders
    memory: Memory
    figures: RepairFigures
    sources: tuple[str, ...]
    grace_ms: int
    clock: Callable[[], int]
    progress: Callable[[float], None]

    async def run(self) -> Tally | None:
        """Compare and mend; None when both hold the same. An `AtollError` ends it where it is."""
        differ = await trees_that_differ(self.here, self.there)
        try:
            if "assets" in differ:
                await self._assets(0.0, 1 / len(differ))
                await self.orders.finished()
            if "blobs" in differ:
                await self._blobs(1 - 1 / len(differ), 1 / len(differ))
                await self.orders.finished()
        finally:
            self.orders.drop()
        return self.orders.tally if differ else None

    async def _assets(self, begin: float, share: float) -> None:
        """A batch is ordered while the walk looks for the next."""
        pending: list[Lacking] = []
        walk = differences(self.here, self.there, "assets", skip=self.memory.is_settled)
        async with OneBehind() as behind, aclosing(walk):
            async for difference in walk:
                self.progress(begin + share * difference.leaf.number / LEAVES)
                pending += self._look(difference)
                if sum(len(part.asset_ids) for part in pending) >= BATCH:
                    await behind.start(partial(self._mend, joined(pending)))
                    pending.clear()
            await behind.start(partial(self._mend, joined(pending)))

    def _look(self, difference: LeafDifference) -> list[Lacking]:
        part = lacking(difference, self.clock(), self.grace_ms)
        self.orders.tally.fresh += part.fresh
        if part.asset_ids:
            return [part]
        if not part.fresh:
            self.memory.settle(difference.leaf)
        return []

    async def _mend(self, wanted: Lacking) -> None:
        self.figures.found.labels("tombstone").inc(len(wanted.tombstones))
        self.figures.found.labels("version").inc(len(wanted.versions))
        last = ""
        async for asset_id, state in self.there.states(sorted(wanted.asset_ids)):
            stone = tombstone_of(asset_id, state, wanted)
            if stone is not None and asset_id != last:  # it comes with each part of an asset
                await self.orders.bury(stone)
            for record in records_of(asset_id, state, wanted):
                await self.orders.pull(PullOrder(record, self.sources))
            last = asset_id

    async def _blobs(self, begin: float, share: float) -> None:
        tree: Tree = "blobs"
        walk = differences(self.here, self.there, tree, skip=self.memory.is_settled)
        async with aclosing(walk):
            async for difference in walk:
                self.progress(begin + share * difference.leaf.number / LEAVES)
                records = [await self.node.record(b.bucket, b.sha256) for b in difference.missing_blobs]
                lost = [record for record in records if record is not None]
                self.figures.found.labels("blob").inc(len(lost))
                for record in lost:
                    await self.orders.pull(PullOrder(record, self.sources))
                if not lost:  # of those without a record here, the record is missing, or was deleted
                    self.memory.settle(difference.leaf)
