"""What one query service does for all: buckets being deleted, assets that expire. I/O.

Whoever takes the lease goes on until there is nothing to do; a crash leaves it to another after
`LEASE_SECONDS`. Nothing here needs to be done once only: the lease spares work, it guards nothing.
Each bucket's expiry and each end of a bucket leave a line in the audit record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge

from atoll.bucket import Bucket
from atoll.cluster_map import LiveClusterMap
from atoll.errors import AtollError
from atoll.ids import new_id
from atoll.model import Milliseconds
from query_service.audit_stream import AuditRecord
from query_service.bucket_end import BucketEnd, BucketEndView
from query_service.expiry import Expiry, Round
from query_service.lease import UpkeepNotes

log = logging.getLogger(__name__)

LEASE, EXPIRED = "lease.upkeep", "expired"
LEASE_SECONDS = 30.0
BUSY_SECONDS, IDLE_SECONDS = 0.5, 5.0
ABANDONED_SECONDS = 60.0  # a question whether a bucket is empty is answered long before

Record = Callable[[AuditRecord], Awaitable[None]]


class _Rounds(Struct, frozen=True):
    """When each bucket's rules were last applied, whole (Unix ms)."""

    at: dict[str, Milliseconds] = {}


class UpkeepMetrics:
    """Made once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.expired = Counter(
            "atoll_expired_assets", "Assets that lifecycle rules deleted.", ["bucket"], registry=registry
        )
        self.failed = Counter(
            "atoll_expiry_failures",
            "Assets that could not be expired in a round.",
            ["bucket"],
            registry=registry,
        )
        self.last = Gauge(
            "atoll_expiry_last_round_seconds",
            "When a bucket's rules were last applied here, in Unix seconds.",
            ["bucket"],
            registry=registry,
        )
        self.ending = Gauge("atoll_buckets_ending", "Buckets that are being deleted.", registry=registry)


class Upkeep:
    """`expiry_seconds`: how often rules are applied; 0: never by this service."""

    def __init__(
        self,
        name: str,
        cluster: LiveClusterMap,
        notes: UpkeepNotes,
        end: BucketEnd,
        expiry: Expiry,
        record: Record,
        metrics: UpkeepMetrics,
        expiry_seconds: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._name, self._cluster, self._notes, self._end = name, cluster, notes, end
        self._expiry, self._record, self._metrics = expiry, record, metrics
        self._expiry_seconds, self._now_ms = expiry_seconds, now_ms
        self._changed = asyncio.Event()
        cluster.on_change(lambda _: self._changed.set())

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                busy = await self.turn()
            except AtollError as error:  # NATS, MongoDB or nodes are away; the next turn asks again
                log.warning("upkeep waits: %s", error.detail)
                busy = False
            await self._rest(BUSY_SECONDS if busy else IDLE_SECONDS)

    async def turn(self) -> bool:
        """One look at what there is to do; whether some of it is left. Others may be doing it."""
        ending = [b for b in self._cluster.current.buckets.values() if b.ending is not None]
        self._metrics.ending.set(len(ending))
        due = await self._due()
        if not (ending or due) or not await self._take():
            return False
        left = [await self._go_on(bucket) for bucket in ending]  # first: it needs no catalog
        for bucket in due:
            await self._expire(bucket)
        return any(left)

    async def _take(self) -> bool:
        now = self._now_ms()
        return await self._notes.take(LEASE, self._name, now, now + int(LEASE_SECONDS * 1000))

    async def _go_on(self, bucket: Bucket) -> bool:
        assert bucket.ending is not None
        if bucket.ending.everything:
            view = await self._end.step(bucket)
            if view.state == "deleted":
                await self._say("DELETE", bucket, view=view)
            return view.state != "deleted"
        if self._now_ms() - bucket.ending.since > ABANDONED_SECONDS * 1000:
            await self._end.call_off(bucket)
        return False

    async def _due(self) -> list[Bucket]:
        """Buckets whose rules were not applied for long enough."""
        ruled = [b for b in self._cluster.current.buckets.values() if b.lifecycle and b.ending is None]
        if not ruled or not self._expiry_seconds:
            return []
        rounds = await self._rounds()
        since = self._now_ms() - self._expiry_seconds * 1000
        return [bucket for bucket in ruled if rounds.at.get(bucket.name, 0) <= since]

    async def _rounds(self) -> _Rounds:
        return await self._notes.noted(EXPIRED, _Rounds) or _Rounds()

    async def _expire(self, bucket: Bucket) -> None:
        done = await self._expiry.round(bucket)
        now = self._now_ms()
        known = {b: at for b, at in (await self._rounds()).at.items() if b in self._cluster.current.buckets}
        await self._notes.note(EXPIRED, _Rounds({**known, bucket.name: now}))
        self._metrics.expired.labels(bucket.name).inc(done.expired)
        self._metrics.failed.labels(bucket.name).inc(done.failed)
        self._metrics.last.labels(bucket.name).set(now / 1000)
        if done.expired:
            await self._say("EXPIRE", bucket, done=done)

    async def _say(
        self, method: str, bucket: Bucket, view: BucketEndView | None = None, done: Round | None = None
    ) -> None:
        facts: dict[str, str] = {}
        if view is not None:
            facts = {"assets": str(view.assets), "bytes": str(view.bytes), "since": view.since}
            facts["nodes"] = " ".join(f"{r.node}@{r.at}" for r in view.receipts)[:512]
        if done is not None:
            facts = {"expired": str(done.expired), "failed": str(done.failed), "seen": str(done.seen)}
        by = bucket.ending.by if bucket.ending is not None and bucket.ending.by else "lifecycle"
        now, path = self._now_ms(), f"/v1/buckets/{bucket.name}"
        await self._record(AuditRecord(new_id(now), now, by, method, path, 200, "ok", self._name, "", facts))

    async def _rest(self, seconds: float) -> None:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
