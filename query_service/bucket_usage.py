"""How much of a bucket there is, asked of the nodes: they have it, whatever the catalog says. I/O.

Called by the bucket routes, by quotas and by the end of a bucket. Who gave no answer is part of the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from atoll.cluster import ClusterMap
from atoll.model import Node
from atoll.usage import BucketUsage, NodeUsage, of_cluster, of_set
from query_service.testimony import Witnesses

ASK_SECONDS = 2.0


class UsageView(Struct, frozen=True):
    """What a bucket has, all versions, each blob once. `unasked`: nodes that gave no answer, and why.

    `complete`: at least one node of every set answered; else it is more than this.
    """

    bytes: int
    assets: int
    blobs: int
    complete: bool
    unasked: dict[str, str]


@dataclass(frozen=True)
class Told:
    """What each node said of a bucket, by name; the nodes; why others gave no answer."""

    bucket: str
    nodes: Mapping[str, Node]
    said: Mapping[str, BucketUsage]
    unasked: Mapping[str, str]

    def sets(self) -> dict[str, BucketUsage]:
        """By set, as far as any of its members answered."""
        members: dict[str, list[BucketUsage]] = defaultdict(list)
        for name, usage in self.said.items():
            members[self.nodes[name].set].append(usage)
        return {name: of_set(told, self.bucket) for name, told in members.items()}

    @property
    def total(self) -> BucketUsage:
        """All sets that answered, together."""
        return of_cluster(self.sets().values(), self.bucket)

    @property
    def view(self) -> UsageView:
        """As shown."""
        total, sets = self.total, self.sets()
        complete = {node.set for node in self.nodes.values()} <= sets.keys()
        return UsageView(total.bytes, total.assets, total.blobs, complete, dict(self.unasked))


class UsageAsker:
    """Asks all nodes that count."""

    def __init__(self, cluster: Callable[[], ClusterMap], witnesses: Witnesses) -> None:
        self._cluster, self._witnesses = cluster, witnesses

    async def ask(self, bucket: str) -> Told:
        """What they have of a bucket now."""
        nodes = [node for node in self._cluster().nodes.values() if node.state != "removed"]
        path = f"/internal/v1/usage?bucket={bucket}"
        heard = await self._witnesses.ask(nodes, "GET", path, NodeUsage, seconds=ASK_SECONDS)
        said = {name: usage.of(bucket) for name, usage in heard.said.items()}
        return Told(bucket, {node.name: node for node in nodes}, said, heard.unasked)
