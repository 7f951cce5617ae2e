"""Orders to the own node, over its internal API. I/O.

`NodeAway` means that it takes no orders at all now (down, stopping, overloaded, not in the cluster map,
or it refuses our token); every other error is about the order itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from atoll.cluster_map import LiveClusterMap
from atoll.errors import AtollError, NotFound, Unavailable, from_problem
from atoll.model import AssetRecord, Node, Tombstone
from atoll.node_api import NodeStatus, PullAnswer, PullOrder, PullResult, WantedItem, WantedOrder
from atoll.node_client import NodeClient
from replicator.verdict import node_is_away

T = TypeVar("T")

ANSWER_SECONDS = 10.0  # for everything but a pull
HEALTH_SECONDS = 2.0


class NodeAway(Unavailable):
    """The own node takes no orders now; the message is not to blame."""

    slug = "node-away"
    title = "The node takes no orders now"


class OwnNode:
    """The node called `name`, found in the cluster map anew for each order: it may move."""

    def __init__(self, client: NodeClient, cluster: LiveClusterMap, name: str, pull_seconds: float) -> None:
        self._client, self._cluster, self._name = client, cluster, name
        self._pull_seconds = pull_seconds

    async def check(self) -> None:
        """Return if the node is up and is who we think; raises `NodeAway` otherwise."""
        try:
            status = await self._call("GET", "/health", NodeStatus, seconds=HEALTH_SECONDS)
        except AtollError as error:
            raise NodeAway(error.detail) from error
        if status.name != self._name:
            raise NodeAway(f"The address of {self._name} in the cluster map is answered by {status.name}.")
        if status.state == "stopping":
            raise NodeAway(f"Node {self._name} is stopping.")
        if status.state == "failing":
            raise NodeAway(f"The disk of node {self._name} gives no answer.")

    async def pull(self, order: PullOrder) -> PullResult:
        """Hold these bytes. Returns when they are durable; `UpstreamFailed` when no source gave them."""
        return await self._call(
            "POST", "/internal/v1/pull", PullResult, body=order, seconds=self._pull_seconds
        )

    async def pull_all(self, orders: Sequence[PullOrder]) -> list[PullResult | AtollError]:
        """The same for up to MAX_PULLS_TOGETHER in one request: what became of each, errors too."""
        if len(orders) == 1:
            return [await _outcome(self.pull(orders[0]))]
        path = "/internal/v1/pulls"
        asked = self._call("POST", path, list[PullAnswer], body=orders, seconds=self._pull_seconds)
        answers = await _outcome(asked)
        if isinstance(answers, AtollError):
            return [answers] * len(orders)
        return [self._opened(answer) for answer in answers]

    def _opened(self, answer: PullAnswer) -> PullResult | AtollError:
        if answer.result is not None:
            return answer.result
        problem = answer.problem or {}
        error = from_problem(problem, int(problem.get("status", 500)))
        return NodeAway(error.detail) if node_is_away(error, self._name) else error

    async def apply(self, tombstone: Tombstone) -> bool:
        """Apply a tombstone; False when the node had it already."""
        answer = await self._call("POST", "/internal/v1/tombstones", dict[str, bool], body=tombstone)
        return answer.get("applied", False)

    async def want(self, order: WantedOrder) -> None:
        """Note durably that these bytes are missing; repeated, it counts a try and is due again later."""
        await self._call("POST", "/internal/v1/wanted", dict[str, Any], body=order)

    async def wanted(self, due_before: int, limit: int) -> list[WantedItem]:
        """What the node lacks and is due before a time (Unix milliseconds)."""
        path = f"/internal/v1/wanted?due_before={due_before}&limit={limit}"
        return await self._call("GET", path, list[WantedItem])

    async def record(self, bucket: str, sha256: str) -> AssetRecord | None:
        """A record that uses a blob, held here or not; None when there is none."""
        try:
            return await self._call("GET", f"/internal/v1/records/{bucket}/{sha256}", AssetRecord)
        except NotFound:
            return None

    def _node(self) -> Node:
        node = self._cluster.current.nodes.get(self._name)
        if node is None:
            raise NodeAway(f"Node {self._name} is not in the cluster map.")
        if node.state == "removed":
            raise NodeAway(f"Node {self._name} was removed from the cluster; there is nothing to do for it.")
        return node

    async def _call(
        self, method: str, path: str, kind: type[T], *, body: Any = None, seconds: float = ANSWER_SECONDS
    ) -> T:
        node = self._node()
        try:
            return await self._client.call(node, method, path, kind, body=body, seconds=seconds)
        except AtollError as error:
            if node_is_away(error, self._name):
                raise NodeAway(error.detail) from error
            raise


async def _outcome(asked: Awaitable[T]) -> T | AtollError:
    try:
        return await asked
    except AtollError as error:
        return error
