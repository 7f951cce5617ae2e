"""/v1/buckets: the buckets and their policies, how much each has, and their end.

Policies are in the cluster map, so changes are refused while NATS, and with it the map, cannot be written.
No database is asked. The rules of a change are in bucket_changes.py, the deletion of what is in a bucket in
bucket_end.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web
from msgspec import structs

from atoll import names
from atoll.bucket import Bucket, Ending
from atoll.cluster import ClusterMap
from atoll.cluster_map import LiveClusterMap
from atoll.errors import Conflict, NotFound, Unavailable
from atoll.http import json_response, read_json
from atoll.node_api import MAX_TRASH_SECONDS
from atoll.transformation.limits import Limits
from query_service.audit_guard import audit_facts
from query_service.bucket_changes import check_change
from query_service.bucket_end import BucketEnd, is_confirmed
from query_service.bucket_match import KeptBucket, check_match, expected, kept, replace_matching, tagged
from query_service.bucket_orders import bucket_of
from query_service.bucket_usage import Told, UsageAsker, UsageView
from query_service.cluster_wire import BucketOrder
from query_service.key_reach import API_KEY, check_bucket, limited_key
from query_service.query_input import check_query, flag, whole_number
from query_service.routing import Route

_SEEN_SECONDS = 2.0  # how long a PUT waits to see its own change come back
_CLOSED_SECONDS = 5.0  # how long the nodes may take to hear that a bucket is being deleted
_FRESH = {"Cache-Control": "no-store"}


class BucketView(KeptBucket, frozen=True, kw_only=True):
    """A bucket's policy, and what it has."""

    usage: UsageView


class BucketsApi:
    """`limits` are this service's, which an order may narrow; `now_ms` gives Unix milliseconds."""

    def __init__(
        self,
        cluster: LiveClusterMap,
        asker: UsageAsker,
        end: BucketEnd,
        max_json_bytes: int,
        limits: Limits,
        now_ms: Callable[[], int],
    ) -> None:
        self._live, self._asker, self._end = cluster, asker, end
        self._max_json_bytes, self._limits, self._now_ms = max_json_bytes, limits, now_ms

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("GET", "/v1/buckets", "read", self.list, reach="inside"),
            Route("GET", "/v1/buckets/{bucket}", "read", self.show, reach="inside"),
            Route("PUT", "/v1/buckets/{bucket}", "admin", self.put, reach="inside"),
            Route("DELETE", "/v1/buckets/{bucket}", "admin", self.delete, reach="inside"),
            Route("GET", "/v1/buckets/{bucket}/deletion", "read", self.deletion, reach="inside"),
        ]

    @property
    def _map(self) -> ClusterMap:
        return self._live.current

    async def list(self, request: web.Request) -> web.Response:
        """Every bucket in the key's reach, with its policy."""
        check_query(request, ())
        key = limited_key(request)
        buckets = [b for b in self._map.buckets.values() if key is None or key.reaches_bucket(b.name)]
        return json_response({"buckets": [kept(b) for b in sorted(buckets, key=lambda b: b.name)]})

    async def show(self, request: web.Request) -> web.Response:
        """One bucket, and how much is in it, asked of the nodes now."""
        check_query(request, ())
        bucket = self._map.bucket(_named(request))
        told = await self._asker.ask(bucket.name)
        view = BucketView(**structs.asdict(kept(bucket)), usage=told.view)
        return json_response(view, headers=_FRESH | tagged(bucket))

    async def put(self, request: web.Request) -> web.Response:
        """Make a bucket (201), or give it another policy (200); `If-Match`: in the place of that one only."""
        check_query(request, ())
        name, match = _named(request), expected(request)
        order = await read_json(request, BucketOrder, self._max_json_bytes)
        bucket = bucket_of(name, order, self._limits)
        audit_facts(request, policy=msgspec.json.encode(order).decode())
        before = self._map.buckets.get(name)
        check_match(before, bucket, match)
        await check_change(self._map, before, bucket, self._asker)
        await self._put(bucket, before, match)
        return json_response(kept(bucket), 200 if before else 201, tagged(bucket))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an empty bucket (200), or with `force` begin to delete all that is in it (202)."""
        check_query(request, {"force", "trash_seconds"})
        bucket = self._map.bucket(_named(request))
        force = flag(request, "force")
        audit_facts(request, force=force)
        if bucket.ending is None or (force and not bucket.ending.everything):
            bucket = await self._begin(request, bucket, force=force)
        if force or (bucket.ending is not None and bucket.ending.everything):
            return json_response(await self._end.view(bucket), 202, _FRESH)
        return await self._delete_empty(bucket)

    async def deletion(self, request: web.Request) -> web.Response:
        """How far the deletion of a bucket is, or the receipts of one that is done."""
        check_query(request, ())
        name = _named(request)
        bucket = self._map.buckets.get(name)
        if bucket is not None and bucket.ending is not None:
            return json_response(await self._end.view(bucket), headers=_FRESH)
        done = await self._end.last(name)
        if bucket is not None or done is None or done.state != "deleted":
            raise NotFound("This bucket is not being deleted, and was not.", bucket=name)
        return json_response(done, headers=_FRESH)

    async def _begin(self, request: web.Request, bucket: Bucket, *, force: bool) -> Bucket:
        seconds = whole_number(request, "trash_seconds", -1, 0, MAX_TRASH_SECONDS)
        key = request.get(API_KEY)
        ending = Ending(self._now_ms(), force, None if seconds < 0 else seconds, key.id if key else "")
        return await self._put(structs.replace(bucket, ending=ending))

    async def _delete_empty(self, bucket: Bucket) -> web.Response:
        """Nodes are asked once they refuse uploads; what they have then is all that there is."""
        done = False
        try:
            told = await self._when_closed(bucket.name)
            if not is_confirmed(told):
                raise _not_empty(told)
            view = await self._end.view(bucket, told)
            done = True
            return json_response(await self._end.finish(bucket, view))
        finally:
            if not done:
                await self._put(structs.replace(bucket, ending=None))

    async def _when_closed(self, name: str) -> Told:
        until = asyncio.get_running_loop().time() + _CLOSED_SECONDS
        while True:
            told = await self._asker.ask(name)
            heard = all(usage.closed for usage in told.said.values())  # who is silent is not waited for
            if heard or asyncio.get_running_loop().time() >= until:
                return told
            await asyncio.sleep(0.05)

    async def _put(self, bucket: Bucket, before: Bucket | None = None, match: str | None = None) -> Bucket:
        """Write it, and wait until this instance has it too, so that a ticket may be asked for at once."""
        if before is None or match is None:
            await self._live.put(bucket)
        else:
            await replace_matching(self._live, before, bucket, match)
        try:
            async with asyncio.timeout(_SEEN_SECONDS):
                await self._live.wait_for(lambda cluster: cluster.buckets.get(bucket.name) == bucket)
        except TimeoutError:
            pass  # it is written; another change or a slow NATS only hides it for now
        return bucket


def _named(request: web.Request) -> str:
    name = names.check_bucket(request.match_info["bucket"])
    check_bucket(request, name)
    return name


def _not_empty(told: Told) -> Conflict | Unavailable:
    total = told.total
    if total.assets or total.blobs or total.leaving:
        return Conflict(
            "This bucket is not empty. Delete what is in it first, or all of it with force=true.",
            bucket=told.bucket,
            assets=total.assets,
            blobs=total.blobs,
            leaving=total.leaving,
        )
    silent = {**told.unasked} or {
        name: "has not heard of it" for name, u in told.said.items() if not u.closed
    }
    return Unavailable(
        "It is not known whether this bucket is empty: not every node could say.",
        bucket=told.bucket,
        unasked=silent,
        retry_after=2,
    )
