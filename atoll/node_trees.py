"""One node's trees and asset states, asked over its internal API. I/O.

Counts the bytes of all answers, because a comparison is promised to be cheap. Used wherever a walk
(tree_walk.py) needs a node: the replicator for its own node and the peers, the query service for all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar, cast

from yarl import URL

from atoll.errors import UpstreamFailed
from atoll.model import Node
from atoll.node_api import AssetState
from atoll.node_client import NodeClient
from atoll.repair_api import (
    MAX_LEAF_ITEMS,
    LeafItems,
    Roots,
    StatesAnswer,
    StatesOrder,
    Tree,
    TreeDigest,
)
from atoll.state_pages import STATES_PATH, state_parts

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

    def states(self, asset_ids: Sequence[str]) -> AsyncIterator[tuple[str, AssetState]]:
        """All the node knows of these assets, in order, one of many versions in parts (`state_parts`)."""
        return state_parts(self._some_states, asset_ids)

    async def _some_states(self, order: StatesOrder) -> StatesAnswer:
        return await self._ask("POST", STATES_PATH, cast(type[StatesAnswer], StatesAnswer), order)

    async def _ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        return await self._client.call(
            self.node, method, path, kind, body=body, seconds=self._seconds, heard=self._heard
        )
