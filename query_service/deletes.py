"""Deleting an asset: one order to a node of its set, and never serving it again from here.

Owns the memory of what was deleted through this instance (bounded): until the tombstone has come to the
catalog by NATS, a cache or the catalog itself may still hold the asset. Refuses what nobody knows (404)
and, when no node of the set makes the tombstone durable, the whole delete (503): then nothing was
deleted. The nodes do the rest; called by assets_api.py, the memory is asked by asset_finder.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable

from atoll.bus import BusUnavailable
from atoll.cluster import ClusterMap
from atoll.errors import AtollError, BadRequest, NotFound, Unavailable
from atoll.ids import named_asset_id
from atoll.model import AssetRecord, Node, Tombstone
from atoll.names import check_bucket, check_public_id
from atoll.node_api import AssetState, DeleteOrder, DeleteResult, rfc3339
from atoll.node_client import NodeClient
from query_service.cluster_view import Views
from query_service.wire import DeletedView

log = logging.getLogger(__name__)

Announce = Callable[[Collection[str]], Awaitable[None]]

REMEMBERED = 100_000
ORDER_SECONDS = 5.0
ASK_SECONDS = 2.0
MAX_ASKED_AT_ONCE = 32


class Departed:
    """What was deleted through this instance, by asset id; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._gone: OrderedDict[str, tuple[Tombstone, DeletedView]] = OrderedDict()

    def add(self, tombstone: Tombstone, view: DeletedView) -> None:
        """From now on no version up to the tombstone's is served here."""
        self._gone[tombstone.asset_id] = (tombstone, view)
        self._gone.move_to_end(tombstone.asset_id)
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)

    def covers(self, record: AssetRecord) -> bool:
        """Whether this version was deleted; a version uploaded later was not."""
        gone = self._gone.get(record.asset_id)
        return gone is not None and record.version <= gone[0].version

    def view(self, asset_id: str) -> DeletedView | None:
        """The answer that the delete got."""
        gone = self._gone.get(asset_id)
        return gone[1] if gone else None


class Deleter:
    """Sends delete orders to nodes."""

    def __init__(
        self,
        views: Views,
        nodes: NodeClient,
        own_region: str,
        departed: Departed,
        announce: Announce,
    ) -> None:
        self._views, self._nodes, self._own_region = views, nodes, own_region
        self._departed, self._announce = departed, announce
        self._room = asyncio.Semaphore(MAX_ASKED_AT_ONCE)

    async def delete(self, record: AssetRecord, trash_seconds: int | None = None) -> DeletedView:
        """Delete an asset that the catalog knows. `trash_seconds`: how long it can be restored (None: the
        node's setting, 0: not at all, the bytes are erased at once)."""
        order = DeleteOrder(record.asset_id, record.bucket, record.public_id, record.set, trash_seconds)
        return await self._note(await self._send(order))

    async def delete_unindexed(
        self, asset_id: str, bucket: str, public_id: str, trash_seconds: int | None = None
    ) -> DeletedView:
        """Delete an asset of which no catalog tells the set: the nodes are asked who has it."""
        bucket, public_id = check_bucket(bucket), check_public_id(public_id)
        if asset_id not in (named_asset_id(bucket, public_id), public_id):
            raise BadRequest("This bucket and public_id are not those of this asset_id.", asset_id=asset_id)
        sets = await self._sets_holding(asset_id, bucket)
        orders = [DeleteOrder(asset_id, bucket, public_id, name, trash_seconds) for name in sorted(sets)]
        results = [await self._send(order) for order in orders]
        return await self._note(max(results, key=lambda result: result.tombstone.version))

    def done(self, asset_id: str) -> DeletedView | None:
        """The answer to a delete that was done here already."""
        return self._departed.view(asset_id)

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
        """To the member nearest to us, the next on failure; those that give no sign of life come last."""
        reasons: dict[str, str] = {}
        for node in self._members(order.set):
            try:
                return await self._nodes.call(
                    node, "POST", "/internal/v1/deletes", DeleteResult, body=order, seconds=ORDER_SECONDS
                )
            except AtollError as error:  # whatever one node says, another may be able to
                reasons[node.name] = error.detail[:200]
                log.warning("delete order refused", extra={"node": node.name, "reason": error.detail})
        raise Unavailable(
            "Nothing was deleted: no node of the asset's set took the order.",
            set=order.set,
            nodes=reasons,
            retry_after=2,
        )

    def _members(self, set_name: str) -> list[Node]:
        view = self._views.current()
        healthy = {c.node.name for c in view.healthy(view.cluster.members(set_name))}
        nearest = view.cluster.nearest_members(set_name, self._own_region)
        return sorted(nearest, key=lambda node: node.name not in healthy)  # stable: nearest first in each

    async def _sets_holding(self, asset_id: str, bucket: str) -> set[str]:
        """The sets with a record of the asset. `Unavailable` when none has and not all could be asked."""
        members = list(_all_members(self._views.current().cluster))
        answers = await asyncio.gather(*(self._ask(node, asset_id) for node in members))
        found = {
            record.set for state in answers if state for record in state.records if record.bucket == bucket
        }
        if found:
            return found
        if None in answers:
            raise Unavailable(
                "It is not known who holds this asset: not every node could be asked.", retry_after=2
            )
        raise NotFound("There is no such asset.", asset_id=asset_id)

    async def _ask(self, node: Node, asset_id: str) -> AssetState | None:
        path = f"/internal/v1/assets/{asset_id}"
        async with self._room:
            try:
                return await self._nodes.call(node, "GET", path, AssetState, seconds=ASK_SECONDS)
            except NotFound:
                return AssetState(())
            except AtollError as error:
                log.warning("node not asked", extra={"node": node.name, "reason": error.detail})
                return None


def _all_members(cluster: ClusterMap) -> Iterable[Node]:
    return (node for name in cluster.sets for node in cluster.members(name))
