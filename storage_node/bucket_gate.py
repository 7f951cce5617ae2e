"""What a bucket's policy says to bytes that come in: whether it takes any, where, and how much.

Asked in the commit itself, by the index's one writer, so that nothing slips in between a look and a commit:
a bucket that is being deleted takes nothing, a set with a node outside a bucket's home regions takes nothing
for it, and its quota holds exactly for what this node has. Tickets keep most of it away earlier; those made
offline, and those of the last minutes, are held to it here.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from atoll.bucket import Bucket, Quota
from atoll.cluster import ClusterMap
from atoll.errors import Conflict, NotFound, QuotaExceeded
from storage_node.index_writer import Operation
from storage_node.origin import Origin
from storage_node.peers import MapView

T = TypeVar("T")

WaitFor = Callable[[Callable[[ClusterMap], bool]], Awaitable[ClusterMap]]

_NEWS_SECONDS = 2.0
_USAGE = "SELECT bytes, assets FROM bucket_usage WHERE bucket = ?"


class BucketGate:
    """`wait_for` returns when the map is as asked for."""

    def __init__(self, origin: Origin, cluster: MapView, wait_for: WaitFor | None = None) -> None:
        self._origin, self._cluster, self._wait_for = origin, cluster, wait_for

    async def heard_of(self, bucket: str) -> None:
        """A ticket may be faster than the news of a new bucket: wait a moment for them."""
        if self._lacks(bucket):
            await self.heard(lambda current: bucket in current.buckets)  # else the commit refuses it

    async def heard(self, news: Callable[[ClusterMap], bool]) -> None:
        """Wait until the map is so, as whoever gave an order knows it already; a moment at most."""
        if self._wait_for is None or news(self._cluster.current):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_NEWS_SECONDS):
                await self._wait_for(news)

    def _lacks(self, bucket: str) -> bool:
        """Whether the map has buckets, but not this one; before it has any it may not have been heard."""
        known = self._cluster.current.buckets
        return bool(known) and bucket not in known

    def is_closed(self, bucket: str) -> bool:
        """Whether nothing more may come into it, as far as this node has heard."""
        known = self._cluster.current.buckets.get(bucket)
        return known is None or known.ending is not None

    def is_home(self, bucket: Bucket) -> bool:
        """Whether this node may keep anything of a bucket."""
        return bucket.is_home(self._origin.region)

    def guarded(self, operation: Operation[T], bucket: str) -> Operation[T]:
        """`operation`, undone when the policy forbids what it did; a repeated upload adds nothing."""

        def guard(db: sqlite3.Connection) -> T:
            policy = self._policy(bucket)
            if policy is None or policy.quota == Quota():
                return operation(db)
            before = _usage(db, bucket)
            result = operation(db)
            _check_quota(policy, before, _usage(db, bucket))
            return result

        return guard

    def _policy(self, bucket: str) -> Bucket | None:
        """`Conflict`, `NotFound`; None while this node's map has no bucket at all."""
        if self._lacks(bucket):
            raise NotFound(f"There is no bucket {bucket!r}.", bucket=bucket)
        current = self._cluster.current
        policy = current.buckets.get(bucket)
        if policy is None:
            return None
        if policy.ending is not None:
            raise Conflict(f"The bucket {bucket!r} is being deleted; it takes nothing.", bucket=bucket)
        outside = {n.region for n in current.members(self._origin.set) if not policy.is_home(n.region)}
        if outside:
            raise Conflict(
                f"Images of {bucket!r} stay in its home regions; this node's set also lies elsewhere.",
                bucket=bucket,
                home_regions=list(policy.home_regions),
                outside=sorted(outside),
            )
        return policy


def _usage(db: sqlite3.Connection, bucket: str) -> tuple[int, int]:
    row: tuple[int, int] | None = db.execute(_USAGE, (bucket,)).fetchone()
    return row or (0, 0)


def _check_quota(policy: Bucket, before: tuple[int, int], after: tuple[int, int]) -> None:
    quota = policy.quota
    limits = (("bytes", quota.bytes), ("assets", quota.assets))
    for (of, limit), used, now in zip(limits, before, after, strict=True):
        if limit is not None and now > limit and now > used:
            raise QuotaExceeded(
                f"The bucket {policy.name!r} may have {limit} {of}, and has {used}; this adds {now - used}.",
                bucket=policy.name,
                of=of,
                limit=limit,
                used=used,
                asked=now - used,
            )
