"""The internal HTTP API of a node, for its peers, its replicator and the query services. Routes only.

Every path here goes through the door (internal_auth.py); types are in atoll/node_api.py.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Annotated, TypeVar

from aiohttp import web
from msgspec import Meta

from atoll import names
from atoll.errors import BadName, NotFound
from atoll.http import json_response, query_number, read_json
from atoll.model import Location, Tombstone
from atoll.node_api import MAX_PULLS_TOGETHER, DeleteOrder, PullOrder, WantedOrder
from storage_node.blobs_together import TOGETHER
from storage_node.deletes import Deletes
from storage_node.index import HeldBlob, Index
from storage_node.index_ops import want
from storage_node.index_states import newest_state
from storage_node.internal_auth import InternalAuth
from storage_node.internal_blobs import InternalBlobs
from storage_node.internal_together import InternalTogether
from storage_node.orders import PullOrders
from storage_node.origin import Origin

T = TypeVar("T")

_IDENTIFIER = re.compile(r"[0-9a-z]{26}", re.ASCII)
_MOST_WANTED = 1000
_Orders = Annotated[tuple[PullOrder, ...], Meta(max_length=MAX_PULLS_TOGETHER)]


class InternalApi:
    """The handlers; each does one call."""

    def __init__(
        self,
        origin: Origin,
        index: Index,
        orders: PullOrders,
        deletes: Deletes,
        blobs: InternalBlobs,
        together: InternalTogether,
        readers: Executor,
        rng: random.Random,
    ) -> None:
        self._origin, self._index, self._orders = origin, index, orders
        self._deletes, self._blobs, self._together = deletes, blobs, together
        self._readers, self._rng = readers, rng

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """Serve /internal/v1/… ."""
        router, guard = app.router, auth.guard
        router.add_post("/internal/v1/pull", guard(self._pull))
        router.add_post("/internal/v1/pulls", guard(self._pulls))
        router.add_post("/internal/v1/deletes", guard(self._delete))
        router.add_post("/internal/v1/tombstones", guard(self._tombstone))
        router.add_get("/internal/v1/blobs/{bucket}/{blob}", guard(self._blobs.handle))
        router.add_post(TOGETHER, guard(self._together.handle))
        router.add_get("/internal/v1/assets/{asset_id}", guard(self._asset), allow_head=False)
        router.add_get("/internal/v1/locations/{bucket}/{sha256}", guard(self._location), allow_head=False)
        router.add_get("/internal/v1/records/{bucket}/{sha256}", guard(self._record), allow_head=False)
        router.add_get("/internal/v1/wanted", guard(self._wanted), allow_head=False)
        router.add_post("/internal/v1/wanted", guard(self._want))

    async def _pull(self, request: web.Request) -> web.Response:
        return json_response(await self._orders.execute(await read_json(request, PullOrder)))

    async def _pulls(self, request: web.Request) -> web.Response:
        orders = await read_json(request, _Orders)
        return json_response(await self._orders.execute_all(orders))

    async def _delete(self, request: web.Request) -> web.Response:
        return json_response(await self._deletes.order(await read_json(request, DeleteOrder)))

    async def _tombstone(self, request: web.Request) -> web.Response:
        applied = await self._deletes.apply(await read_json(request, Tombstone))
        return json_response({"applied": applied})

    async def _asset(self, request: web.Request) -> web.Response:
        asset_id = request.match_info["asset_id"]
        if not _IDENTIFIER.fullmatch(asset_id):
            raise BadName("asset_id is 26 of 0-9 and a-z.", name="asset_id", got=ascii(asset_id)[:80])
        look = partial(newest_state, asset_id=asset_id)
        return json_response(await self._in_thread(lambda: self._index.read(look)))

    async def _location(self, request: web.Request) -> web.Response:
        held = await self._in_thread(partial(self._index.blob, *_blob_name(request)))
        if held is None:
            raise NotFound("This node does not hold this blob.")
        return json_response(self._located(held))

    async def _record(self, request: web.Request) -> web.Response:
        record = await self._in_thread(partial(self._index.record_of_blob, *_blob_name(request)))
        if record is None:
            raise NotFound("No asset of this node uses this blob.")
        return json_response(record)

    async def _wanted(self, request: web.Request) -> web.Response:
        due_before = query_number(request, "due_before", 0, 2**53)
        limit = query_number(request, "limit", 1, _MOST_WANTED)
        due = self._origin.now_ms() if due_before is None else int(due_before)
        return json_response(await self._in_thread(partial(self._index.wanted, due, int(limit or 100))))

    async def _want(self, request: web.Request) -> web.Response:
        order = await read_json(request, WantedOrder)
        operation = want(order.asset, order.reason, self._origin.now_ms(), self._rng)
        await self._in_thread(lambda: self._index.write(operation).result())
        return json_response({})

    def _located(self, held: HeldBlob) -> Location:
        return Location(self._origin.node, self._origin.region, held.fsynced_at, held.verified_at)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)


def _blob_name(request: web.Request) -> tuple[str, str]:
    bucket, sha256 = request.match_info["bucket"], request.match_info["sha256"]
    return names.check_bucket(bucket), names.check_sha256(sha256)
