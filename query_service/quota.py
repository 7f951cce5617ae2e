"""Quotas at the ticket: what a bucket has, as the nodes told lately, and what was handed out since.

Best effort by design, for a ticket asks no database: readings are a few seconds old, other query services
hand out tickets too, and a ticket says the most a file may have, not what it will. What counts is held to
where it is exact, in the commit of the node (storage_node/bucket_gate.py) – there for each set by itself.
While no node of a set answers, its last figures are used. Buckets without a quota cost nothing here.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from msgspec import structs

from atoll.bucket import Bucket, Quota
from atoll.errors import QuotaExceeded
from atoll.usage import BucketUsage, of_cluster
from query_service.bucket_usage import UsageAsker
from query_service.wire import UploadOrder

MAX_BUCKETS = 10_000
MAX_HANDED_OUT = 10_000  # per bucket; the oldest are forgotten first


class _Handed(NamedTuple):
    at: float
    bytes: int
    assets: int


class _Known:
    """A bucket's last figures by set, when they were asked for, and what was handed out since."""

    def __init__(self) -> None:
        self.sets: dict[str, BucketUsage] = {}
        self.asked_at = float("-inf")
        self.handed: deque[_Handed] = deque()
        self.handed_bytes = self.handed_assets = 0
        self.reading = asyncio.Lock()

    def hand_out(self, handed: _Handed) -> None:
        """A ticket for so much is given."""
        self.handed.append(handed)
        self._count(handed, 1)
        if len(self.handed) > MAX_HANDED_OUT:
            self._count(self.handed.popleft(), -1)

    def read(self, sets: dict[str, BucketUsage], at: float) -> None:
        """New figures. Tickets older than the ones before are used by now, or counted when they are."""
        self.sets |= sets
        while self.handed and self.handed[0].at < self.asked_at:
            self._count(self.handed.popleft(), -1)
        self.asked_at = at

    def _count(self, handed: _Handed, way: int) -> None:
        self.handed_bytes += way * handed.bytes
        self.handed_assets += way * handed.assets


class QuotaKeeper:
    """`seconds`: how old a reading may be; `clock` gives monotonic seconds."""

    def __init__(self, asker: UsageAsker, seconds: float, clock: Callable[[], float]) -> None:
        self._asker, self._seconds, self._clock = asker, seconds, clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def admit(self, order: UploadOrder, bucket: Bucket | None) -> UploadOrder:
        """`order` as it may be handed out: no file larger than the room left. `QuotaExceeded`."""
        if bucket is None or bucket.quota == Quota():
            return order
        known = await self._fresh(bucket.name)
        used = of_cluster(known.sets.values(), bucket.name)
        size, assets = _asked(order, used)
        room = _room(bucket, "bytes", bucket.quota.bytes, used.bytes + known.handed_bytes, size)
        _room(bucket, "assets", bucket.quota.assets, used.assets + known.handed_assets, assets)
        known.hand_out(_Handed(self._clock(), size, assets))
        if room is None:
            return order
        return structs.replace(order, max_bytes=min(room, order.max_bytes or room))

    async def _fresh(self, bucket: str) -> _Known:
        known = self._known.setdefault(bucket, _Known())
        self._known.move_to_end(bucket)
        if len(self._known) > MAX_BUCKETS:
            self._known.popitem(last=False)
        async with known.reading:  # however many ask at once, the nodes are asked once
            if self._clock() - known.asked_at >= self._seconds:
                began = self._clock()
                known.read((await self._asker.ask(bucket)).sets(), began)
        return known


def _asked(order: UploadOrder, used: BucketUsage) -> tuple[int, int]:
    """Bytes and assets that a ticket is for. Of several files only the most each may have is known: they
    count as what is usual in the bucket. A name that is taken adds no asset, and may be taken."""
    usual = used.bytes // used.blobs if used.blobs else 1
    each = order.max_bytes if order.files == 1 and order.max_bytes is not None else max(1, usual)
    return each * order.files, 0 if order.public_id is not None else order.files


def _room(bucket: Bucket, of: str, limit: int | None, used: int, asked: int) -> int | None:
    if limit is None:
        return None
    if used + asked > limit:
        raise QuotaExceeded(
            f"{bucket.name!r} may have {limit} {of}; {used} are used or promised, {asked} more asked for.",
            bucket=bucket.name,
            of=of,
            limit=limit,
            used=used,
            asked=asked,
        )
    return limit - used
