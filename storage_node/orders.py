"""Pull orders from the replicator: hold this asset's bytes. Answered once they are durable."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

from atoll.errors import AtollError, Conflict, NotFound, UpstreamFailed
from atoll.model import AssetRecord, Node
from atoll.node_api import PullAnswer, PullOrder, PullResult
from storage_node.fetch_together import Ahead
from storage_node.index import Index
from storage_node.index_ops import add_record
from storage_node.index_rows import is_covered, is_held
from storage_node.origin import Origin
from storage_node.peers import Peers
from storage_node.pull import Puller, address_of
from storage_node.pull_outcome import as_replica
from storage_node.quarantine import Quarantine
from storage_node.reclaim import Reclaimer
from storage_node.space import SpaceGuard
from storage_node.store import BlobStore
from storage_node.verified_read import BadCopy, is_present

_ROUNDS = 3  # meeting another's pull, a quarantine or a delete costs an order one round each


class PullOrders:
    """`writers` are the threads that wait for the disk."""

    def __init__(
        self,
        origin: Origin,
        index: Index,
        store: BlobStore,
        peers: Peers,
        puller: Puller,
        reclaimer: Reclaimer,
        quarantine: Quarantine,
        writers: Executor,
        space: SpaceGuard,
    ) -> None:
        self._origin, self._index, self._store, self._peers = origin, index, store, peers
        self._puller, self._reclaimer, self._quarantine = puller, reclaimer, quarantine
        self._writers = writers
        self._space = space

    async def execute(
        self, order: PullOrder, *, absent: bool = False, ahead: Ahead | None = None
    ) -> PullResult:
        """`UpstreamFailed` when no source gives the bytes, `NoSpace`, `StoreFailed`; `Conflict` when the
        asset cannot belong here. `absent`: somebody has just looked, and nothing of it is here; `ahead`: see
        `Puller.pull`."""
        asset = order.asset
        if asset.set != self._origin.set:
            raise Conflict(f"This node holds set {self._origin.set!r}.", set=asset.set)
        for at in range(_ROUNDS):
            looked = absent and at == 0
            if not looked and (result := await self._if_here(asset)) is not None:
                return result
            with self._space.promise(asset.blob.size):
                result = await self._pull(order, ahead if at == 0 else None)
            if result is not None:
                return result
        raise UpstreamFailed("The blob came and went while it was pulled; try again.", retry_after=1)

    async def execute_all(self, orders: Sequence[PullOrder]) -> list[PullAnswer]:
        """All of them at once; each has an answer of its own. Only what is not an order's fault is raised."""
        looks = asyncio.get_running_loop().run_in_executor(self._writers, self._absent, orders)
        absent = await looks
        coming = self._begin(order for order, new in zip(orders, absent, strict=True) if new)
        return await asyncio.gather(
            *(self._answered(order, new, coming(order)) for order, new in zip(orders, absent, strict=True))
        )

    def _begin(self, orders: Iterable[PullOrder]) -> Callable[[PullOrder], Ahead | None]:
        """Begin to fetch what goes together; who gives each order's part of it."""
        here = [order for order in orders if self._takes(order.asset)]
        coming = self._puller.fetch_ahead([(order.asset, self._sources(order)) for order in here])
        return lambda order: coming.get(address_of(order.asset).key)

    def _takes(self, asset: AssetRecord) -> bool:
        """Whether it may be pulled: what `execute` refuses anyway must not travel first."""
        return asset.set == self._origin.set and self._space.has_room(asset.blob.size)

    def _absent(self, orders: Sequence[PullOrder]) -> list[bool]:
        """Of which of them nothing is here. One job for all: handing each to a thread and back takes longer
        than the look itself. What is here in some way is looked at by itself: that may take long, or fail."""
        assets = [order.asset for order in orders]
        known = self._index.read(lambda db: [_is_known(db, asset) for asset in assets])
        return [not k and not self._reclaimer.may_have(a) for k, a in zip(known, assets, strict=True)]

    async def _answered(self, order: PullOrder, absent: bool, ahead: Ahead | None) -> PullAnswer:
        try:
            return PullAnswer(await self.execute(order, absent=absent, ahead=ahead))
        except AtollError as error:
            return PullAnswer(problem=error.problem())

    async def _pull(self, order: PullOrder, ahead: Ahead | None) -> PullResult | None:
        """None when somebody else's pull brought the bytes: our record is still to be added."""
        try:
            kept = await self._puller.pull(order.asset, self._sources(order), ahead)
        except NotFound as error:
            raise UpstreamFailed("No source has the blob.", sources=list(order.sources)) from error
        if kept is None:
            return PullResult("deleted")
        if kept.recorded == order.asset:  # the usual case: the pull was ours
            return PullResult("stored", kept.source)
        loop = asyncio.get_running_loop()
        state = await loop.run_in_executor(self._writers, self._index.asset, order.asset.asset_id)
        if any(record.version == order.asset.version for record in state.records):
            return PullResult("stored", kept.source)
        return None

    def _sources(self, order: PullOrder) -> Sequence[Node]:
        return self._peers.named(order.sources) or self._peers.of_set(order.asset.set)

    async def _if_here(self, asset: AssetRecord) -> PullResult | None:
        """The answer for a blob that is held, or whose asset is deleted; None when it must be pulled."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._writers, self._already, asset)
        except BadCopy as bad:
            await self._quarantine.judge(bad)
            return None

    def _already(self, asset: AssetRecord) -> PullResult | None:
        if self._index.read(partial(is_covered, record=asset)):
            return PullResult("deleted")
        held = self._index.blob(asset.bucket, asset.blob.sha256)
        if held is None:
            return PullResult("stored", self._origin.node) if self._reclaim(asset) else None
        if held.key != address_of(asset).key:
            raise Conflict(f"This blob is held as .{held.blob.ext}.", sha256=held.blob.sha256)
        if not is_present(self._store, held):
            raise BadCopy(held, "the file is missing or has another size")
        try:
            added = self._index.write(add_record(asset, self._origin)).result()
        except LookupError:
            return None  # deleted or quarantined between the look and the commit
        return PullResult("present" if added else "deleted")

    def _reclaim(self, asset: AssetRecord) -> bool:
        """Hold bytes that lay here all the time, in the trash or not indexed."""
        return self._reclaimer.keep(asset, as_replica(asset, self._origin).operation) is not None


def _is_known(db: sqlite3.Connection, asset: AssetRecord) -> bool:
    """Whether a tombstone covers it, or its blob is held."""
    return is_covered(db, asset) or is_held(db, asset.blob)
