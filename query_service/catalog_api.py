"""POST /v1/catalog/check and /v1/catalog/rebuild: one branch of a set; whoever wants all walks the 256.

Rebuilding is online: reads, uploads and deletes go on, and the caches are told what may look different.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.bus import BusUnavailable
from atoll.errors import NotFound, Overloaded
from atoll.http import json_response, read_json
from query_service.audit_guard import audit_facts
from query_service.catalog_repair import CatalogBranch, CatalogRepair
from query_service.cluster_view import Views
from query_service.deletes import Announce
from query_service.query_input import check_query
from query_service.routing import Route

log = logging.getLogger(__name__)

AT_ONCE = 4


class CatalogOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which branch (two hex digits) of which set."""

    set: Annotated[str, Meta(max_length=64)]
    branch: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}$(?!\n)")]


class CatalogApi:
    """For administrators."""

    def __init__(self, repair: CatalogRepair, views: Views, announce: Announce, max_json_bytes: int) -> None:
        self._repair, self._views, self._announce = repair, views, announce
        self._max_json_bytes = max_json_bytes
        self._room = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route("POST", "/v1/catalog/check", "admin", self.check, reach="whole", audit=False),
            Route("POST", "/v1/catalog/rebuild", "admin", self.rebuild, reach="whole"),
        ]

    async def check(self, request: web.Request) -> web.Response:
        """Compare; nothing is written."""
        return json_response(await self._run(request, write=False))

    async def rebuild(self, request: web.Request) -> web.Response:
        """Compare, and bring the catalog to what the nodes say."""
        view = await self._run(request, write=True)
        if view.changed:
            try:
                await self._announce(view.changed)
            except BusUnavailable as error:
                log.warning("caches learn of the rebuild by age only: %s", error.detail)
        return json_response(view)

    async def _run(self, request: web.Request, *, write: bool) -> CatalogBranch:
        check_query(request, ())
        order = await read_json(request, CatalogOrder, self._max_json_bytes)
        audit_facts(request, set=order.set, branch=order.branch)
        members = self._views.current().cluster.members(order.set)
        if not members:
            raise NotFound("There is no such set, or it has no nodes.", set=order.set)
        if self._room.locked():
            raise Overloaded("Enough is being compared already.", limit=AT_ONCE, retry_after=1)
        async with self._room:
            return await self._repair.branch(order.set, members, int(order.branch, 16), write=write)
