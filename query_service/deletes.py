"""Deleting an asset: one order to a node of its set, and never serving it again from here.

Owns the memory of what was deleted through this instance (bounded): until the tombstone has come to the
catalog by NATS, a cache or the catalog itself may still hold the asset. Refuses what nobody knows (404)
and, when no node of the set makes the tombstone durable, the whole delete (503): then nothing was
deleted. The nodes do the rest; called by assets_api.py, the memory is asked by asset_finder.py.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence

from msgspec.structs import replace

from atoll.api_keys import ApiKey
from atoll.bus import BusUnavailable
from atoll.errors import BadRequest, Conflict, NotFound
from atoll.ids import named_asset_id
from atoll.model import AssetRecord, Tombstone
from atoll.names import check_bucket, check_public_id
from atoll.node_api import DeleteOrder, DeleteResult, rfc3339
from query_service.key_reach import check_found_by
from query_service.node_records import NodeRecords
from query_service.set_orders import SetOrders
from query_service.wire import DeletedView

log = logging.getLogger(__name__)

Announce = Callable[[Collection[str]], Awaitable[None]]

REMEMBERED = 100_000


class Departed:
    """What was deleted through this instance, by asset id; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._gone: OrderedDict[str, tuple[Tombstone, DeletedView]] = OrderedDict()

    def add(self, tombstone: Tombstone, view: DeletedView) -> None:
        """From now on no version up to the tombstone's is served here."""
        known = self.tombstone(tombstone.asset_id)
        if known is None or known.version <= tombstone.version:
            self._gone[tombstone.asset_id] = (tombstone, view)
        self._gone.move_to_end(tombstone.asset_id)
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)

    def covers(self, record: AssetRecord) -> bool:
        """Whether this version was deleted; a version uploaded later was not."""
        gone = self._gone.get(record.asset_id)
        return gone is not None and record.version <= gone[0].version

    def tombstone(self, asset_id: str) -> Tombstone | None:
        """What the delete left."""
        gone = self._gone.get(asset_id)
        return gone[0] if gone else None

    def view(self, asset_id: str) -> DeletedView | None:
        """The answer that the delete got."""
        gone = self._gone.get(asset_id)
        return gone[1] if gone else None


class Deleter:
    """Sends delete orders to nodes."""

    def __init__(
        self,
        records: NodeRecords,
        orders: SetOrders,
        departed: Departed,
        announce: Announce,
    ) -> None:
        self._records, self._orders = records, orders
        self._departed, self._announce = departed, announce

    async def delete(
        self, record: AssetRecord, trash_seconds: int | None = None, sets: Collection[str] = ()
    ) -> DeletedView:
        """Delete an asset that the catalog knows, in every one of the `sets` that have records of it.

        `trash_seconds`: how long it can be restored (None: the node's setting, 0: not at all, the bytes are
        erased at once).
        """
        orders = [_order(replace(record, set=name), trash_seconds) for name in sorted({record.set, *sets})]
        return await self._note(await self._all_of(orders))

    async def delete_unchanged(self, record: AssetRecord) -> DeletedView:
        """Delete an asset if this is its newest version; `Conflict` when the node knows a newer one."""
        order = replace(_order(record, None), only_seen=True)
        return await self._note(await self._send(order))

    async def delete_unindexed(
        self,
        asset_id: str,
        name: tuple[str, str] | None,
        trash_seconds: int | None = None,
        key: ApiKey | None = None,
    ) -> DeletedView:
        """Delete an asset that no catalog knows: the nodes are asked who has it. `name`: (bucket, public_id).

        What was deleted through this instance before, and is on no node, gets that answer again. Outside the
        reach of a limited `key` it is unknown, whatever `name` says: the nodes find it by id.
        """
        if name is not None:
            bucket, public_id = check_bucket(name[0]), check_public_id(name[1])
            if asset_id not in (named_asset_id(bucket, public_id), public_id):
                raise BadRequest(
                    "This bucket and public_id are not those of this asset_id.", asset_id=asset_id
                )
        try:
            records = await self._records.by_set(asset_id)
        except NotFound:
            kept = await self._records.in_trash(asset_id) if trash_seconds == 0 else []
            if kept:
                check_found_by(key, asset_id, [(stone.bucket, stone.public_id) for stone in kept])
                return await self._note(await self._all_of([_erasure(stone) for stone in kept]))
            if (stone := self._departed.tombstone(asset_id)) and (known := self._departed.view(asset_id)):
                check_found_by(key, asset_id, [(stone.bucket, stone.public_id)])
                return known
            raise
        check_found_by(key, asset_id, [(record.bucket, record.public_id) for record in records])
        return await self._note(await self._all_of([_order(record, trash_seconds) for record in records]))

    async def _all_of(self, orders: Sequence[DeleteOrder]) -> DeleteResult:
        """The newest tombstone of what these orders delete.

        A node may answer with an earlier delete's, not having heard of what came after it elsewhere (an
        upload, a restore): what the other nodes have is deleted then, too.
        """
        last = results = [await self._send(order) for order in orders]
        while earlier := [result.tombstone for result in last if result.earlier]:
            later = await self._records.newer(min(earlier, key=lambda stone: stone.version))
            last = [await self._send(_order(record, orders[0].trash_seconds)) for record in later]
            results = [*results, *last]
        return max(results, key=lambda result: result.tombstone.version)

    async def _note(self, result: DeleteResult) -> DeletedView:
        """Here the asset is gone from now on; the other instances' caches are told without waiting for NATS
        to bring the event, and if that fails the event will tell them."""
        tombstone = result.tombstone
        view = DeletedView(tombstone.asset_id, rfc3339(tombstone.deleted_at), result.node)
        self._departed.add(tombstone, view)
        try:
            await self._announce([tombstone.asset_id])
        except BusUnavailable as error:
            log.debug("the delete of %s is not announced: %s", tombstone.asset_id, error.detail)
        return view

    async def _send(self, order: DeleteOrder) -> DeleteResult:
        return await self._orders.send(
            order.set,
            "/internal/v1/deletes",
            DeleteResult,
            order,
            failed="Nothing was deleted: no node of the asset's set took the order.",
            final=(Conflict,) if order.only_seen else (),
        )


def _erasure(stone: Tombstone) -> DeleteOrder:
    """What the trash has of a deleted asset is erased."""
    return DeleteOrder(stone.asset_id, stone.bucket, stone.public_id, stone.set, 0, stone.version)


def _order(record: AssetRecord, trash_seconds: int | None) -> DeleteOrder:
    return DeleteOrder(
        record.asset_id, record.bucket, record.public_id, record.set, trash_seconds, record.version
    )
