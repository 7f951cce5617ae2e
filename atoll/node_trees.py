"""One node's trees and asset states, asked over its internal API. I/O.

Counts the bytes of all answers, because a comparison is promised to be cheap. Used wherever a walk
(tree_walk.py) needs a node: the replicator for its own node and the peers, the query service for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from yarl import URL

from atoll.errors import UpstreamFailed
from atoll.model import Node
from atoll.node_api import AssetState
from atoll.node_client import NodeClient
from atoll.repair_api import MAX_LEAF_ITEMS, LeafItems, Roots, StatesOrder, Tree, TreeDigest

T = TypeVar("T")

_DIGESTS = "/internal/v1/digests"


class NodeTrees:
    """Asks `node`; `seconds` is the deadline of each answer, `heard` is told the bytes of each."""

    def __init__(
        self, client: NodeClient, node: Node, *, seconds: float, heard: Callable[[int], None] | None = None
    ) -> None:
        self._client, self.node, self._seconds, self._heard = client, node, seconds, heard

    async def roots(self) -> Roots:
        """See `Trees`. `UpstreamFailed` when another node answers."""
        roots = await self._ask("GET", _DIGESTS, Roots)
        if roots.node != self.node.name:
            raise UpstreamFailed(f"The address of {self.node.name} is answered by {roots.node}.")
        return roots

    async def range(self, tree: Tree, prefix: str) -> TreeDigest:
        """See `Trees`."""
        return await self._ask("GET", f"{_DIGESTS}/{tree}/{prefix}".rstrip("/"), TreeDigest)

    async def page(self, tree: Tree, leaf: str, after: str | None) -> LeafItems:
        """See `Trees`."""
        query = {"limit": str(MAX_LEAF_ITEMS), **({} if after is None else {"after": after})}
        # As yarl spells it: the path is signed, and the session would spell it so.
        path = str(URL(f"{_DIGESTS}/{tree}/{leaf}").with_query(query))
        return await self._ask("GET", path, LeafItems)

    async def states(self, asset_ids: Sequence[str]) -> list[AssetState]:
        """All the node knows of these assets (at most `MAX_STATES`), in order."""
        order = StatesOrder(tuple(asset_ids))
        states = await self._ask("POST", "/internal/v1/assets/states", list[AssetState], order)
        if len(states) != len(asset_ids):
            raise UpstreamFailed(f"Node {self.node.name} told {len(states)} of {len(asset_ids)} states.")
        return states

    async def _ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        return await self._client.call(
            self.node, method, path, kind, body=body, seconds=self._seconds, heard=self._heard
        )
