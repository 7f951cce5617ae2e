"""The end of a bucket: asked for, carried out by the nodes, confirmed by every one of them. I/O.

The wish is in the cluster map (`Bucket.ending`), so nodes refuse uploads and any query service can go on
after a crash; what is left to do is what the nodes say is left. Each set is emptied by one of its members,
some hundred assets a call; the others follow by the ordinary tombstones, and are ordered to themselves only
when they stand still. The bucket leaves the map when every node that counts says: nothing here, all out of
service, and nothing more comes in. A node that gives no answer holds that up until it does, or is removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Literal

from msgspec import Struct, structs

from atoll.bucket import Bucket
from atoll.cluster_map import LiveClusterMap
from atoll.errors import AtollError
from atoll.model import Node
from atoll.node_api import rfc3339
from atoll.node_client import NodeClient
from atoll.usage import BucketDeletes, BucketUsage, NodeUsage
from query_service.bucket_usage import Told, UsageAsker
from query_service.lease import UpkeepNotes

log = logging.getLogger(__name__)

CALL_SECONDS = 30.0
SEEN_SECONDS = 2.0  # how long the change may take to come back here
STILL_SECONDS = 5.0  # a replica that has had no news of deletes for so long is ordered to by itself


class NodeReceipt(Struct, frozen=True):
    """What a node has of the bucket, and when it said so; all zero and closed: nothing, for good."""

    node: str
    region: str
    assets: int
    leaving: int
    confirmed: bool
    at: str


class BucketEndView(Struct, frozen=True):
    """How far the deletion of a bucket is. `assets` and `bytes`: when it began; `left`: still there."""

    bucket: str
    state: Literal["deleting", "deleted"]
    since: str
    assets: int
    bytes: int
    left: int
    receipts: tuple[NodeReceipt, ...] = ()
    unasked: dict[str, str] = {}
    deleted_at: str | None = None


def note_key(bucket: str) -> str:
    """Under which a deletion is noted."""
    return f"bucket-end.{bucket}"


class BucketEnd:
    """`now_ms` gives Unix milliseconds."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        asker: UsageAsker,
        nodes: NodeClient,
        notes: UpkeepNotes,
        now_ms: Callable[[], int],
    ) -> None:
        self._cluster, self._asker, self._nodes = cluster, asker, nodes
        self._notes, self._now_ms = notes, now_ms
        # bucket and node: assets left, since when unchanged; of buckets that are ending here
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}

    async def view(self, bucket: Bucket, told: Told | None = None) -> BucketEndView:
        """How far it is, by what the nodes say now."""
        assert bucket.ending is not None
        told = told or await self._asker.ask(bucket.name)
        began = await self._notes.noted(note_key(bucket.name), BucketEndView)
        since, total = rfc3339(bucket.ending.since), told.total
        if began is None or began.since != since:
            began = BucketEndView(bucket.name, "deleting", since, total.assets, total.bytes, total.assets)
            await self._notes.note(note_key(bucket.name), began)
        at = rfc3339(self._now_ms())
        receipts = tuple(_receipt(told.nodes[name], usage, at) for name, usage in sorted(told.said.items()))
        left, unasked = total.assets, dict(told.unasked)
        # It may be noted as deleted: by a service that died before it took the bucket out of the map.
        return structs.replace(
            began, state="deleting", left=left, receipts=receipts, unasked=unasked, deleted_at=None
        )

    async def last(self, bucket: str) -> BucketEndView | None:
        """The deletion that was finished, if it is noted still."""
        return await self._notes.noted(note_key(bucket), BucketEndView)

    async def step(self, bucket: Bucket) -> BucketEndView:
        """Go on with it; the view says "deleted" when that was the last of it."""
        told = await self._asker.ask(bucket.name)
        view = await self.view(bucket, told)
        if is_confirmed(told):
            return await self.finish(bucket, view)
        await asyncio.gather(*(self._empty(bucket, node) for node in self._to_order(bucket, told)))
        return view

    async def finish(self, bucket: Bucket, view: BucketEndView) -> BucketEndView:
        """Take it out of the map. Noted first: whoever asks for a bucket that is gone finds its receipts."""
        done = structs.replace(view, state="deleted", deleted_at=rfc3339(self._now_ms()))
        await self._notes.note(note_key(bucket.name), done)
        await self._cluster.remove(bucket)
        self._seen = {key: seen for key, seen in self._seen.items() if key[0] != bucket.name}
        try:
            async with asyncio.timeout(SEEN_SECONDS):
                await self._cluster.wait_for(lambda now: bucket.name not in now.buckets)
        except TimeoutError:
            pass  # it is written; a slow NATS only hides it for now
        log.info("a bucket is deleted", extra={"bucket": bucket.name, "assets": done.assets})
        return done

    async def call_off(self, bucket: Bucket) -> None:
        """Open it again: somebody asked whether it is empty, and did not stay for the answer."""
        await self._cluster.change(bucket, lambda now: structs.replace(now, ending=None))

    def _to_order(self, bucket: Bucket, told: Told) -> list[Node]:
        """One member of each set that has something left, and those that stand still."""
        now, chosen, sets = self._now_ms(), [], set()
        for name, usage in sorted(told.said.items(), key=lambda item: (-item[1].assets, item[0])):
            key = (bucket.name, name)
            left, since = self._seen.get(key, (-1, now))
            self._seen[key] = (usage.assets, since if left == usage.assets else now)
            is_still = now - self._seen[key][1] >= STILL_SECONDS * 1000
            node = told.nodes[name]
            if usage.closed and usage.assets and (is_still or node.set not in sets):
                sets.add(node.set)
                chosen.append(node)
        return chosen

    async def _empty(self, bucket: Bucket, node: Node) -> None:
        assert bucket.ending is not None
        order = BucketDeletes(bucket.name, trash_seconds=bucket.ending.trash_seconds)
        try:
            while True:
                answer = await self._nodes.call(
                    node, "POST", "/internal/v1/bucket-deletes", NodeUsage, body=order, seconds=CALL_SECONDS
                )
                if not answer.of(bucket.name).assets:
                    return
        except AtollError as error:  # the next step asks who can
            log.warning("a bucket is not emptied: %s", error.detail, extra={"node": node.name})


def is_confirmed(told: Told) -> bool:
    """Whether every node has nothing of it, and takes nothing more."""
    return not told.unasked and all(usage.closed and usage.is_nothing for usage in told.said.values())


def _receipt(node: Node, usage: BucketUsage, at: str) -> NodeReceipt:
    confirmed = usage.closed and usage.is_nothing
    return NodeReceipt(node.name, node.region, usage.assets, usage.leaving, confirmed, at)
