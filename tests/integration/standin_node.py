"""A stand-in for a storage node: its internal API over real HTTP, its store in memory.

It says what a node says to its replicator and remembers what it was told; tests set its manners. It
checks tokens as a node does. Nothing here knows NATS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from aiohttp import web
from memory_trees import MemoryTrees

from atoll.errors import AtollError, NotFound, UpstreamFailed
from atoll.http import json_response, problems, read_json, serve
from atoll.ids import now_ms
from atoll.internal_call import internal_caller
from atoll.model import AssetRecord, Tombstone
from atoll.node_api import AssetState, NodeStatus, PullAnswer, PullOrder, PullResult, WantedItem, WantedOrder
from atoll.repair_api import AssetItem, BlobItem, StatesOrder
from atoll.signing import Keys

Pull = Callable[[PullOrder], Awaitable[None]]


async def give(order: PullOrder) -> None:
    """Every source has everything."""


class StandinNode:
    """One node named `name`, listening on `port` while up."""

    def __init__(self, name: str, region: str, set_name: str, port: int, keys: Keys) -> None:
        self.name, self.region, self.set, self.port = name, region, set_name, port
        self._keys = keys
        self._stack = AsyncExitStack()
        self._up = False
        self.pulling: Pull = give  # raises what the pull shall fail with; may take its time
        self.burying: Callable[[Tombstone], Awaitable[None]] | None = None
        self.wanting: Callable[[WantedOrder], Awaitable[None]] | None = None
        self.orders: list[PullOrder] = []  # every pull asked for, failed ones too, in order
        self.together: list[int] = []  # how many came in each order of several
        self.under_way = 0
        self.most_under_way = 0
        self.stored: dict[str, AssetRecord] = {}  # by version
        self.stored_twice: list[str] = []
        self.tombstones: dict[str, Tombstone] = {}
        self.noted: dict[str, WantedItem] = {}
        self.first_due_ms = 50
        self.lost: set[str] = set()  # hashes of blobs that are gone while their records stayed
        self.page_items = 1000
        self.questions: list[str] = []  # about trees and states

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Listen; does nothing when it does."""
        if self._up:
            return
        app = web.Application(middlewares=[problems, self._authenticated])
        app.router.add_get("/health", self._health)
        app.router.add_post("/internal/v1/pull", self._pull)
        app.router.add_post("/internal/v1/pulls", self._pulls)
        app.router.add_post("/internal/v1/tombstones", self._tombstone)
        app.router.add_post("/internal/v1/wanted", self._want)
        app.router.add_get("/internal/v1/wanted", self._wanted)
        app.router.add_get("/internal/v1/digests", self._roots)
        app.router.add_get("/internal/v1/digests/{tree}", self._range)
        app.router.add_get("/internal/v1/digests/{tree}/{prefix:[0-9a-f]{2}}", self._range)
        app.router.add_get("/internal/v1/digests/{tree}/{leaf:[0-9a-f]{4}}", self._leaf)
        app.router.add_post("/internal/v1/assets/states", self._states)
        app.router.add_get("/internal/v1/records/{bucket}/{sha256}", self._record)
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(serve(app, "127.0.0.1", self.port, drain_seconds=0.1))
        self._up = True

    async def down(self) -> None:
        """Refuse connections; what it holds stays, as on a disk."""
        self._up = False
        await self._stack.aclose()

    @web.middleware
    async def _authenticated(self, request: web.Request, handler) -> web.StreamResponse:
        if request.path.startswith("/internal/"):
            await internal_caller(request, self.name, self._keys, now_ms())
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        return json_response(NodeStatus(self.name, self.region, self.set, "ready", False, 2**40))

    async def _pull(self, request: web.Request) -> web.Response:
        return json_response(await self._carry_out(await read_json(request, PullOrder)))

    async def _pulls(self, request: web.Request) -> web.Response:
        orders = await read_json(request, list[PullOrder])
        self.together.append(len(orders))
        return json_response(await asyncio.gather(*map(self._answered, orders)))

    async def _answered(self, order: PullOrder) -> PullAnswer:
        try:
            return PullAnswer(await self._carry_out(order))
        except AtollError as error:
            return PullAnswer(problem=error.problem())

    async def _carry_out(self, order: PullOrder) -> PullResult:
        self.orders.append(order)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._hold(order)
        finally:
            self.under_way -= 1

    async def _hold(self, order: PullOrder) -> PullResult:
        asset = order.asset
        stone = self.tombstones.get(asset.asset_id)
        if stone and asset.version <= stone.version:
            return PullResult("deleted")
        if asset.version in self.stored and asset.blob.sha256 not in self.lost:
            return PullResult("present")
        await self.pulling(order)
        if asset.version in self.stored and asset.blob.sha256 not in self.lost:
            self.stored_twice.append(asset.version)
        self.stored[asset.version] = asset
        self.lost.discard(asset.blob.sha256)
        self.noted.pop(asset.version, None)
        return PullResult("stored", order.sources[0] if order.sources else None)

    async def _tombstone(self, request: web.Request) -> web.Response:
        stone = await read_json(request, Tombstone)
        if self.burying:
            await self.burying(stone)
        known = self.tombstones.get(stone.asset_id)
        applied = known is None or known.version < stone.version
        if applied:
            self.bury(stone)
        return json_response({"applied": applied})

    def bury(self, stone: Tombstone) -> None:
        """As a delete here, or one from elsewhere."""
        self.tombstones[stone.asset_id] = stone
        gone = [a for a in self.stored.values() if a.asset_id == stone.asset_id]
        for asset in gone:
            if asset.version <= stone.version:
                del self.stored[asset.version]

    @property
    def trees(self) -> MemoryTrees:
        """Its trees as they are now."""
        assets = {AssetItem(a.asset_id, a.version) for a in self.stored.values()}
        assets |= {AssetItem(t.asset_id, t.version, True) for t in self.tombstones.values()}
        blobs = {a.blob for a in self.stored.values() if a.blob.sha256 not in self.lost}
        items = {BlobItem(b.bucket, b.sha256, b.ext, b.size) for b in blobs}
        return MemoryTrees(self.name, assets, items, self.page_items)

    async def _roots(self, request: web.Request) -> web.Response:
        self.questions.append("roots")
        return json_response(await self.trees.roots())

    async def _range(self, request: web.Request) -> web.Response:
        tree, prefix = request.match_info["tree"], request.match_info.get("prefix", "")
        self.questions.append(f"{tree}/{prefix}")
        return json_response(await self.trees.range(tree, prefix))

    async def _leaf(self, request: web.Request) -> web.Response:
        tree, leaf = request.match_info["tree"], request.match_info["leaf"]
        self.questions.append(f"{tree}/{leaf}")
        return json_response(await self.trees.page(tree, leaf, request.query.get("after")))

    async def _states(self, request: web.Request) -> web.Response:
        order = await read_json(request, StatesOrder)
        self.questions.append("states")
        states = []
        for asset_id in order.asset_ids:
            records = [a for a in self.stored.values() if a.asset_id == asset_id]
            records.sort(key=lambda a: a.version, reverse=True)
            states.append(AssetState(tuple(records), self.tombstones.get(asset_id)))
        return json_response(states)

    async def _record(self, request: web.Request) -> web.Response:
        for asset in self.stored.values():
            if asset.blob.sha256 == request.match_info["sha256"]:
                return json_response(asset)
        raise NotFound("No asset of this node uses this blob.")

    async def _want(self, request: web.Request) -> web.Response:
        order = await read_json(request, WantedOrder)
        if self.wanting:
            await self.wanting(order)
        known = self.noted.get(order.asset.version)
        tries = known.tries + 1 if known else 1
        since = known.since if known else now_ms()
        due_at = now_ms() + self.first_due_ms * 2 ** (tries - 1)
        self.noted[order.asset.version] = WantedItem(order.asset, since, tries, order.reason, due_at)
        return json_response({})

    async def _wanted(self, request: web.Request) -> web.Response:
        due_before, limit = int(request.query["due_before"]), int(request.query["limit"])
        due = sorted((i for i in self.noted.values() if i.due_at <= due_before), key=lambda i: i.due_at)
        return json_response(due[:limit])


def nobody_has(*missing: AssetRecord) -> Pull:
    """No source can give these."""
    versions = {asset.version for asset in missing}

    async def pulling(order: PullOrder) -> None:
        if order.asset.version in versions:
            raise UpstreamFailed("No source had the bytes.")

    return pulling


def fails_with(error: AtollError) -> Pull:
    """Every pull fails so."""

    async def pulling(order: PullOrder) -> None:
        raise error

    return pulling


def slow(seconds: float) -> Pull:
    """Every pull takes so long."""

    async def pulling(order: PullOrder) -> None:
        await asyncio.sleep(seconds)

    return pulling
