"""What a program asks about the cluster itself: nodes, sets, regions, and (bucket_calls.py) buckets.

The part of `AsyncClient` that concerns no asset. I/O through the query services; every method raises
`AtollError` classes.
"""

from __future__ import annotations

from atoll.client.bucket_calls import BucketCalls
from atoll.client.query import QueryServices
from atoll.client.views import NodeList, NodeView, RegionList, RegionView, SetList, SetView


class ClusterCalls(BucketCalls):
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
        super().__init__(query)
        self._query = query

    async def nodes(self) -> tuple[NodeView, ...]:
        """All nodes, as seen now."""
        return (await self._query.call("GET", "/v1/nodes", NodeList)).nodes

    async def sets(self) -> tuple[SetView, ...]:
        """All replica sets."""
        return (await self._query.call("GET", "/v1/sets", SetList)).sets

    async def regions(self) -> tuple[RegionView, ...]:
        """All regions."""
        return (await self._query.call("GET", "/v1/regions", RegionList)).regions
