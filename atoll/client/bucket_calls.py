"""What a program asks about buckets: their policies, how much each has, and their end.

Part of `ClusterCalls`. I/O through the query services; every method raises `AtollError` classes.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from atoll.bucket import Bucket
from atoll.client.query import QueryServices
from atoll.client.views import BucketList, KeptBucket
from atoll.errors import NotFound
from atoll.names import check_bucket

_NOT_ORDERED = ("name", "ending", "usage", "etag")  # of a bucket, what is no part of its policy


class BucketUsage(Struct, frozen=True):
    """What a bucket has, all versions, each blob once. Not `complete`: some set could not be asked."""

    bytes: int = 0
    assets: int = 0
    blobs: int = 0
    complete: bool = True
    unasked: dict[str, str] = {}


class BucketDetails(KeptBucket, frozen=True, kw_only=True):
    """A bucket's policy, and what it has."""

    usage: BucketUsage = BucketUsage()


class NodeReceipt(Struct, frozen=True):
    """What a node said `at` (RFC 3339) of a bucket that is being deleted; `confirmed`: nothing, for good."""

    node: str
    region: str = ""
    assets: int = 0
    leaving: int = 0
    confirmed: bool = False
    at: str = ""


class BucketDeletion(Struct, frozen=True):
    """How far it is. `assets` and `bytes`: when it began; `left`: assets still there; `unasked`: why nodes
    gave no answer."""

    bucket: str
    state: Literal["deleting", "deleted"]
    since: str = ""
    assets: int = 0
    bytes: int = 0
    left: int = 0
    receipts: tuple[NodeReceipt, ...] = ()
    unasked: dict[str, str] = {}
    deleted_at: str | None = None


class BucketCalls:
    """Asks `query`."""

    def __init__(self, query: QueryServices) -> None:
        self._query = query

    async def buckets(self) -> tuple[KeptBucket, ...]:
        """All buckets."""
        return (await self._query.call("GET", "/v1/buckets", BucketList)).buckets

    async def bucket(self, name: str) -> BucketDetails:
        """One bucket and how much is in it, asked of the nodes now. `NotFound`."""
        return await self._query.call("GET", _path(name), BucketDetails)

    async def put_bucket(self, bucket: Bucket, *, if_etag: str | None = None) -> KeptBucket:
        """Make a bucket, or replace its whole policy; needs the scope `admin`. Returns it as it is kept.

        What is not said is the default, so change what `buckets()` gave, and say its `etag`: then nobody's
        change in between is lost (`PreconditionFailed`). `BadTransformation` says in `member` which of its
        transformations cannot be understood; `Conflict` why home regions cannot be narrowed.
        """
        policy = {key: value for key, value in structs.asdict(bucket).items() if key not in _NOT_ORDERED}
        headers = {"If-Match": f'"{if_etag}"'} if if_etag else {}
        return await self._query.call("PUT", _path(bucket.name), KeptBucket, body=policy, headers=headers)

    async def create_bucket(
        self, name: str, visibility: str = "public", *, durability: str = "local"
    ) -> KeptBucket:
        """Make a bucket, or give it another policy; needs the scope `admin`.

        `visibility` is `public` or `private`; `durability` (`local`, `regions:N`, `all`) is for uploads that
        do not ask for one. The rest of the policy is the default: see `put_bucket`.
        """
        policy = {"visibility": visibility, "durability": durability}
        return await self._query.call("PUT", _path(name), KeptBucket, body=policy)

    async def delete_bucket(
        self, name: str, *, force: bool = False, trash_seconds: int | None = None
    ) -> BucketDeletion:
        """Delete an empty bucket; with `force` begin to delete everything in it (see `bucket_deletion`).

        `trash_seconds`: how long nodes keep the bytes; None: their own setting. `Conflict`: not empty.
        """
        params = {"force": "true"} if force else {}
        if trash_seconds is not None:
            params["trash_seconds"] = str(trash_seconds)
        try:
            return await self._query.call("DELETE", _path(name), BucketDeletion, params=params)
        except NotFound:
            done = await self.bucket_deletion(name)  # an earlier try, whose answer was lost, may have done it
            if done.state == "deleted":
                return done
            raise

    async def bucket_deletion(self, name: str) -> BucketDeletion:
        """How far it is, or of a bucket that is gone what every node confirmed. `NotFound`: neither."""
        return await self._query.call("GET", f"{_path(name)}/deletion", BucketDeletion)


def _path(name: str) -> str:
    return f"/v1/buckets/{check_bucket(name)}"
