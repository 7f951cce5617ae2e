"""Pull orders from the replicator: hold this asset's bytes. Answered once they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from atoll.errors import AtollError, Conflict, NotFound, UpstreamFailed
from atoll.model import AssetRecord, Node
from atoll.node_api import PullAnswer, PullOrder, PullResult
from storage_node.index import Index
from storage_node.index_ops import add_record
from storage_node.index_rows import is_covered
from storage_node.origin import Origin
from storage_node.peers import Peers
from storage_node.pull import Puller, address_of
from storage_node.quarantine import Quarantine
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
        quarantine: Quarantine,
        writers: Executor,
        space: SpaceGuard,
    ) -> None:
        self._origin, self._index, self._store, self._peers = origin, index, store, peers
        self._puller, self._quarantine, self._writers = puller, quarantine, writers
        self._space = space

    async def execute(self, order: PullOrder) -> PullResult:
        """`UpstreamFailed` when no source gives the bytes, `NoSpace`, `StoreFailed`; `Conflict` when the
        asset cannot belong here."""
        asset = order.asset
        if asset.set != self._origin.set:
            raise Conflict(f"This node holds set {self._origin.set!r}.", set=asset.set)
        for _ in range(_ROUNDS):
            if (result := await self._if_here(asset)) is not None:
                return result
            with self._space.promise(asset.blob.size):
                result = await self._pull(order)
            if result is not None:
                return result
        raise UpstreamFailed("The blob came and went while it was pulled; try again.", retry_after=1)

    async def execute_all(self, orders: Sequence[PullOrder]) -> list[PullAnswer]:
        """All of them at once; each has an answer of its own. Only what is not an order's fault is raised."""
        return await asyncio.gather(*map(self._answered, orders))

    async def _answered(self, order: PullOrder) -> PullAnswer:
        try:
            return PullAnswer(await self.execute(order))
        except AtollError as error:
            return PullAnswer(problem=error.problem())

    async def _pull(self, order: PullOrder) -> PullResult | None:
        """None when somebody else's pull brought the bytes: our record is still to be added."""
        try:
            kept = await self._puller.pull(order.asset, self._sources(order))
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
            return PullResult("stored", self._origin.node) if self._puller.reclaim(asset) else None
        if held.key != address_of(asset).key:
            raise Conflict(f"This blob is held as .{held.blob.ext}.", sha256=held.blob.sha256)
        if not is_present(self._store, held):
            raise BadCopy(held, "the file is missing or has another size")
        try:
            added = self._index.write(add_record(asset, self._origin)).result()
        except LookupError:
            return None  # deleted or quarantined between the look and the commit
        return PullResult("present" if added else "deleted")
