"""Which blob an image layer is now: `l_PUBLIC_ID` names an asset, and an asset may get new bytes any time.

Asked of this node's index, and of one node of every other set, for a name's versions may lie in several; the
newest that is not deleted counts. What was found is believed for a moment. Called by `derivative_choice`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from atoll.errors import Unrenderable, UpstreamFailed
from atoll.ids import looks_generated, named_asset_id
from atoll.model import AssetRecord
from atoll.node_api import AssetState
from storage_node.derivative_resolution import Layer
from storage_node.disk_calls import DiskReads
from storage_node.index_reads import IndexReads
from storage_node.peers import Peers
from storage_node.pull import address_of

BELIEVED_SECONDS = 2.0
_REMEMBERED = 4096


class LayerSearch:
    """`clock` gives monotonic seconds."""

    def __init__(
        self, index: IndexReads, peers: Peers, reads: DiskReads, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._index, self._peers, self._reads, self._clock = index, peers, reads, clock
        self._known: OrderedDict[tuple[str, str], tuple[float, Layer | None]] = OrderedDict()

    async def find(self, bucket: str, public_id: str) -> Layer | None:
        """The asset's current picture; None when there is none. `UpstreamFailed` when nobody can say."""
        key = (bucket, public_id)
        until, known = self._known.get(key, (0.0, None))
        if self._clock() < until:
            return known
        record = await self._search(bucket, public_id)
        found = Layer(public_id, address_of(record)) if record else None
        self._known.pop(key, None)
        self._known[key] = self._clock() + BELIEVED_SECONDS, found
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def all(self, bucket: str, public_ids: tuple[str, ...]) -> tuple[Layer, ...]:
        """The layers of these names. `Unrenderable` when one is missing."""
        found = []
        for public_id in public_ids:
            layer = await self.find(bucket, public_id)
            if layer is None:
                raise Unrenderable(
                    f"There is no image {public_id!r} in this bucket to lay on it.",
                    reason="layer_missing",
                    layer=public_id,
                )
            found.append(layer)
        return tuple(found)

    async def _search(self, bucket: str, public_id: str) -> AssetRecord | None:
        asset_id = public_id if looks_generated(public_id) else named_asset_id(bucket, public_id)
        mine = await self._reads.run(partial(self._index.asset, asset_id))
        others = await asyncio.gather(*(self._of_set(asset_id, name) for name in self._peers.other_sets()))
        record = _current([mine, *(other for other in others if other is not None)], bucket)
        if record is None and not mine.tombstone:
            record = _current([await self._peers.asset(asset_id, self._peers.own_set)], bucket)
        if record is None and None in others:
            raise UpstreamFailed("No node can say now what this layer is.", retry_after=1)
        return record

    async def _of_set(self, asset_id: str, set_name: str) -> AssetState | None:
        """None when nobody of the set can say."""
        try:
            return await self._peers.asset(asset_id, set_name)
        except UpstreamFailed:
            return None


def _current(states: list[AssetState], bucket: str) -> AssetRecord | None:
    """The newest record that no tombstone covers."""
    deleted = max((state.tombstone.version for state in states if state.tombstone), default="")
    alive = [
        record
        for state in states
        for record in state.records
        if record.version > deleted and record.bucket == bucket
    ]
    return max(alive, key=lambda record: record.version, default=None)
