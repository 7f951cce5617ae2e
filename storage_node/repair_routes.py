"""The routes of /internal/v1/ for repair and proof: digests, states, receipts, restores, proofs, the trash.

Types and their meaning are in atoll/repair_api.py. Every path goes through the door (internal_auth.py).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar, cast

from aiohttp import web

from atoll.errors import BadName, BadRequest
from atoll.http import json_response, query_number, read_json
from atoll.repair_api import MAX_LEAF_ITEMS, ProofOrder, RestoreOrder, StatesOrder, Tree
from atoll.trash_api import TrashOrder
from storage_node.digests import Digests
from storage_node.index import Index
from storage_node.index_receipts import receipt
from storage_node.index_states import states_page
from storage_node.index_trash_pages import trash_page
from storage_node.index_unheld import unheld, unheld_branches
from storage_node.internal_auth import InternalAuth
from storage_node.origin import Origin
from storage_node.proofs import Proofs
from storage_node.restores import Restores

T = TypeVar("T")

_IDENTIFIER = re.compile(r"[0-9a-z]{26}", re.ASCII)
_BRANCH = re.compile(r"[0-9a-f]{2}", re.ASCII)
_PLACE = re.compile(r"(?:[0-9a-f]{2}){1,2}", re.ASCII)
_AFTER = {
    "assets": re.compile(r"[0-9a-z]{26} [0-9a-z]{26} [01]", re.ASCII),
    "blobs": re.compile(r"[0-9a-f]{64} [a-z0-9-]{3,63}", re.ASCII),
}


class RepairRoutes:
    """The handlers; each does one call, in one of `readers`."""

    def __init__(
        self,
        origin: Origin,
        index: Index,
        digests: Digests,
        restores: Restores,
        proofs: Proofs,
        readers: Executor,
    ) -> None:
        self._origin, self._index, self._digests = origin, index, digests
        self._restores, self._proofs, self._readers = restores, proofs, readers
        self._making = asyncio.Lock()

    def add_routes(self, app: web.Application, auth: InternalAuth) -> None:
        """Serve them."""
        router, guard = app.router, auth.guard
        router.add_get("/internal/v1/digests", guard(self._roots), allow_head=False)
        router.add_get("/internal/v1/digests/{tree}", guard(self._tree), allow_head=False)
        router.add_get("/internal/v1/digests/{tree}/{place}", guard(self._place), allow_head=False)
        router.add_post("/internal/v1/assets/states", guard(self._states))
        router.add_get("/internal/v1/receipts/{asset_id}", guard(self._receipt), allow_head=False)
        router.add_post("/internal/v1/restores", guard(self._restore))
        router.add_post("/internal/v1/proofs", guard(self._prove))
        router.add_post("/internal/v1/trash", guard(self._trash))
        router.add_get("/internal/v1/unheld", guard(self._unheld_anywhere), allow_head=False)
        router.add_get("/internal/v1/unheld/{branch}", guard(self._unheld), allow_head=False)

    async def _roots(self, _request: web.Request) -> web.Response:
        return json_response(await self._fresh(self._digests.roots))

    async def _tree(self, request: web.Request) -> web.Response:
        return json_response(await self._fresh(partial(self._digests.tree, _tree_of(request))))

    async def _place(self, request: web.Request) -> web.Response:
        tree, place = _tree_of(request), request.match_info["place"]
        if not _PLACE.fullmatch(place):
            raise BadName("A place in a tree is two or four hex digits.", got=ascii(place)[:20])
        if len(place) == 2:
            return json_response(await self._fresh(partial(self._digests.branch, tree, int(place, 16))))
        limit = query_number(request, "limit", 1, MAX_LEAF_ITEMS)
        page = partial(
            self._digests.leaf, tree, int(place, 16), _after(request, tree), int(limit or MAX_LEAF_ITEMS)
        )
        return json_response(await self._in_thread(page))

    async def _states(self, request: web.Request) -> web.Response:
        order = await read_json(request, StatesOrder)
        if order.paged:
            page = partial(states_page, order=order)
            return json_response(await self._in_thread(lambda: self._index.read(page)))
        return json_response(
            await self._in_thread(lambda: [self._index.asset(asset_id) for asset_id in order.asset_ids])
        )

    async def _receipt(self, request: web.Request) -> web.Response:
        asset_id = request.match_info["asset_id"]
        if not _IDENTIFIER.fullmatch(asset_id):
            raise BadName("asset_id is 26 of 0-9 and a-z.", name="asset_id", got=ascii(asset_id)[:80])
        origin = self._origin
        look = partial(
            receipt, asset_id=asset_id, node=origin.node, region=origin.region, now=origin.now_ms()
        )
        return json_response(await self._in_thread(lambda: self._index.read(look)))

    async def _restore(self, request: web.Request) -> web.Response:
        order = await read_json(request, RestoreOrder)
        return json_response(await self._restores.order(order, local=request.query.get("local") == "1"))

    async def _prove(self, request: web.Request) -> web.Response:
        return json_response(await self._proofs.give(await read_json(request, ProofOrder)))

    async def _trash(self, request: web.Request) -> web.Response:
        order, origin = await read_json(request, TrashOrder), self._origin
        page = partial(trash_page, order=order, node=origin.node, now=origin.now_ms())
        return json_response(await self._in_thread(lambda: self._index.read(page)))

    async def _unheld_anywhere(self, _request: web.Request) -> web.Response:
        return json_response(await self._in_thread(lambda: self._index.read(unheld_branches)))

    async def _unheld(self, request: web.Request) -> web.Response:
        branch = request.match_info["branch"]
        if not _BRANCH.fullmatch(branch):
            raise BadName("A branch is two hex digits.", got=ascii(branch)[:20])
        look = partial(unheld, branch=int(branch, 16))
        return json_response(await self._in_thread(lambda: self._index.read(look)))

    async def _fresh(self, look: Callable[[], T]) -> T:
        """`look` makes digests of what was touched first. After a crash that is all, and takes seconds: who
        asks meanwhile waits here, and not in one of the threads that readers need."""
        async with self._making:
            return await self._in_thread(look)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)


def _tree_of(request: web.Request) -> Tree:
    tree = request.match_info["tree"]
    if tree not in _AFTER:
        raise BadName("A tree is assets or blobs.", got=ascii(tree)[:20])
    return cast(Tree, tree)


def _after(request: web.Request, tree: Tree) -> str | None:
    after = request.query.get("after")
    if after is not None and not _AFTER[tree].fullmatch(after):
        raise BadRequest("`after` is what the page before gave.", got=ascii(after)[:80])
    return after
