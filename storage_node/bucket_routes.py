"""GET /internal/v1/usage and POST /internal/v1/bucket-deletes: how much of a bucket is here, and its end.

Deleting is the query services' to drive, some hundred assets a call; each call is one commit. Refused for a
bucket that this node's map does not show as being deleted: a late order must not empty a new bucket.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from atoll import names
from atoll.errors import Conflict
from atoll.http import json_response, read_json
from atoll.usage import BucketDeletes, BucketUsage, NodeUsage
from storage_node.bucket_gate import BucketGate
from storage_node.deletes import Deletes
from storage_node.index import Index
from storage_node.index_usage import all_usage, usage_of
from storage_node.internal_auth import InternalAuth
from storage_node.jobs.export_removal import ExportRemoval
from storage_node.origin import Origin


class BucketRoutes:
    """The handlers."""

    def __init__(
        self, origin: Origin, index: Index, gate: BucketGate, deletes: Deletes, exports: ExportRemoval
    ) -> None:
        self._origin, self._index, self._gate = origin, index, gate
        self._deletes, self._exports = deletes, exports

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """Serve them, for our own daemons only."""
        app.router.add_get("/internal/v1/usage", auth.guard(self._usage), allow_head=False)
        app.router.add_post("/internal/v1/bucket-deletes", auth.guard(self._delete))

    async def _usage(self, request: web.Request) -> web.Response:
        """Of all buckets, or of `?bucket=` one."""
        bucket = request.query.get("bucket")
        if bucket is not None:
            return json_response(NodeUsage(self._origin.node, (await self._of(names.check_bucket(bucket)),)))
        found = await asyncio.wrap_future(self._index.write(all_usage))
        return json_response(NodeUsage(self._origin.node, found))

    async def _delete(self, request: web.Request) -> web.Response:
        order = await read_json(request, BucketDeletes)
        if not self._gate.is_closed(order.bucket):
            raise Conflict(f"The bucket {order.bucket!r} is not being deleted.", bucket=order.bucket)
        await self._deletes.some_of(order)
        return json_response(NodeUsage(self._origin.node, (await self._of(order.bucket),)))

    async def _of(self, bucket: str) -> BucketUsage:
        """What says that nothing is left ends the bucket: its exports are removed before it is said."""
        operation = usage_of(bucket, lambda: self._gate.is_closed(bucket))
        usage = await asyncio.wrap_future(self._index.write(operation))
        if usage.closed and usage.is_nothing:
            await asyncio.to_thread(self._exports.of_bucket, bucket)
        return usage
