"""What the nodes themselves say of an asset that the catalog does not know (yet). I/O.

Owns the question to all nodes of the cluster, bounded in number and time. It is dearer than the catalog, so
it is asked only after it, and only by who would change the asset: deletes.py, edit_subjects.py. Reads are not
answered from here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from atoll.cluster import ClusterMap
from atoll.errors import AtollError, NotFound, Unavailable
from atoll.model import AssetRecord, Node, Tombstone
from atoll.node_api import AssetState
from atoll.node_client import NodeClient
from query_service.cluster_view import Views

log = logging.getLogger(__name__)

ASK_SECONDS = 2.0
MAX_ASKED_AT_ONCE = 32  # nodes, by all requests together


class _Said(NamedTuple):
    node: Node
    state: AssetState | None  # None: it gave no answer


class NodeRecords:
    """Asks the nodes that the cluster map names."""

    def __init__(self, views: Views, nodes: NodeClient) -> None:
        self._views, self._nodes = views, nodes
        self._room = asyncio.Semaphore(MAX_ASKED_AT_ONCE)

    async def by_set(self, asset_id: str) -> list[AssetRecord]:
        """The asset's newest record in each set, deleted or not. `NotFound`; `Unavailable` when no node has
        one and not all could be asked."""
        said = await self._ask_all(asset_id)
        found = _newest(said)
        if not found:
            raise _unknown(asset_id, unasked=any(one.state is None for one in said))
        return [found[name] for name in sorted(found)]

    async def newer(self, stone: Tombstone) -> list[AssetRecord]:
        """The asset's newest record in each set, of those that a tombstone does not cover; often none.

        `Unavailable` when no node has one and not all could be asked.
        """
        said = await self._ask_all(stone.asset_id)
        found = [record for record in _newest(said).values() if record.version > stone.version]
        if not found and any(one.state is None for one in said):
            raise _unknown(stone.asset_id, unasked=True)
        return found

    async def in_trash(self, asset_id: str) -> list[Tombstone]:
        """The asset's newest tombstone in each set, of those that leave something to be restored."""
        newest: dict[str, Tombstone] = {}
        for stone in (one.state.tombstone for one in await self._ask_all(asset_id) if one.state):
            if stone is not None:
                newest[stone.set] = max(newest.get(stone.set, stone), stone, key=lambda each: each.version)
        return [newest[name] for name in sorted(newest) if newest[name].purge_at]

    async def current(self, asset_id: str) -> AssetRecord:
        """The asset's newest record, if nobody knows that it was deleted.

        `Unavailable` also when a node of its set gave no answer: that one may have the tombstone, and an edit
        of what is deleted would bring it back.
        """
        said = await self._ask_all(asset_id)
        found = _newest(said)
        stones = [one.state.tombstone.version for one in said if one.state and one.state.tombstone]
        record = max(found.values(), key=lambda record: record.version, default=None)
        if record is None or record.version <= max(stones, default=""):
            raise _unknown(asset_id, unasked=record is None and any(one.state is None for one in said))
        if any(one.state is None and one.node.set == record.set for one in said):
            raise _unknown(asset_id, unasked=True)
        return record

    async def tombstone(self, asset_id: str) -> Tombstone:
        """The newest one of the asset. `NotFound`; `Unavailable` when none is known and a node is away."""
        said = await self._ask_all(asset_id)
        stones = [one.state.tombstone for one in said if one.state and one.state.tombstone]
        if not stones:
            raise _unknown(asset_id, unasked=any(one.state is None for one in said))
        return max(stones, key=lambda stone: stone.version)

    async def _ask_all(self, asset_id: str) -> list[_Said]:
        members = _all_members(self._views.current().cluster)
        return list(await asyncio.gather(*(self._ask(node, asset_id) for node in members)))

    async def _ask(self, node: Node, asset_id: str) -> _Said:
        path = f"/internal/v1/assets/{asset_id}"
        async with self._room:
            try:
                state = await self._nodes.call(node, "GET", path, AssetState, seconds=ASK_SECONDS)
            except NotFound:
                state = AssetState(())
            except AtollError as error:
                log.warning("node not asked", extra={"node": node.name, "reason": error.detail})
                return _Said(node, None)
        return _Said(node, state)


def _newest(said: Iterable[_Said]) -> Mapping[str, AssetRecord]:
    """By set."""
    found: dict[str, AssetRecord] = {}
    for record in (record for one in said if one.state for record in one.state.records):
        newest = found.setdefault(record.set, record)
        found[record.set] = max(newest, record, key=lambda record: record.version)
    return found


def _unknown(asset_id: str, *, unasked: bool) -> AtollError:
    if unasked:
        return Unavailable(
            "It is not known who holds this asset: not every node could be asked.", retry_after=2
        )
    return NotFound("There is no such asset.", asset_id=asset_id)


def _all_members(cluster: ClusterMap) -> Iterable[Node]:
    return (node for name in cluster.sets for node in cluster.members(name))
