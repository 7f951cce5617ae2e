"""What a program asks about the cluster itself: nodes, sets, regions, buckets.

The part of `AsyncClient` that concerns no asset. I/O through the query services; every method raises
`AtollError` classes.
"""

from __future__ import annotations

from msgspec import structs

from atoll.bucket import Bucket
from atoll.client.query import QueryServices
from atoll.client.views import BucketList, NodeList, NodeView, RegionList, RegionView, SetList, SetView
from atoll.names import check_bucket


class ClusterCalls:
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
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

    async def buckets(self) -> tuple[Bucket, ...]:
        """All buckets."""
        return (await self._query.call("GET", "/v1/buckets", BucketList)).buckets

    async def put_bucket(self, bucket: Bucket) -> Bucket:
        """Make a bucket, or replace its whole policy; needs the scope `admin`. Returns it as it is kept.

        What is not said is the default, so change what `buckets()` gave. `BadTransformation` says in `member`
        which of its transformations cannot be understood.
        """
        policy = structs.asdict(bucket)
        path = f"/v1/buckets/{check_bucket(policy.pop('name'))}"
        return await self._query.call("PUT", path, Bucket, body=policy)

    async def create_bucket(
        self, name: str, visibility: str = "public", *, durability: str = "local"
    ) -> Bucket:
        """Make a bucket, or give it another policy; needs the scope `admin`.

        `visibility` is `public` or `private`; `durability` (`local`, `regions:N`, `all`) is for uploads that
        do not ask for one. The rest of the policy is the default: see `put_bucket`.
        """
        path = f"/v1/buckets/{check_bucket(name)}"
        return await self._query.call(
            "PUT", path, Bucket, body={"visibility": visibility, "durability": durability}
        )
