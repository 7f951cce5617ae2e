"""POST /v1/catalog/check and /v1/catalog/rebuild: one branch of a set. Whoever wants all asks for a survey,
and walks those of the 256 that are left.

Rebuilding is online: reads, uploads and deletes go on, and the caches are told what may look different.
"""

from __future__ import annotations

import logging
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.bus import BusUnavailable
from atoll.http import json_response, read_json
from query_service.audit_guard import audit_facts
from query_service.catalog_repair import CatalogBranch, CatalogRepair
from query_service.cluster_view import Views
from query_service.deletes import Announce
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.walk_room import WalkRoom

log = logging.getLogger(__name__)


class CatalogOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which branch (two hex digits) of which set."""

    set: Annotated[str, Meta(max_length=64)]
    branch: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}$(?!\n)")]


class CatalogSurveyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which set."""

    set: Annotated[str, Meta(max_length=64)]


class CatalogSurvey(Struct, frozen=True):
    """The branches of which neither the catalog nor any node has anything. The others are to be walked."""

    set: str
    settled: list[CatalogBranch]


class CatalogApi:
    """For administrators."""

    def __init__(self, repair: CatalogRepair, views: Views, announce: Announce, max_json_bytes: int) -> None:
        self._repair, self._announce = repair, announce
        self._max_json_bytes = max_json_bytes
        self._room = WalkRoom(views, "compared")

    def routes(self) -> list[Route]:
        """All of it."""
        return [
            Route("POST", "/v1/catalog/check", "admin", self.check, reach="whole", audit=False),
            Route("POST", "/v1/catalog/rebuild", "admin", self.rebuild, reach="whole"),
            Route("POST", "/v1/catalog/survey", "admin", self.survey, reach="whole", audit=False),
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

    async def survey(self, request: web.Request) -> web.Response:
        """What need not be walked."""
        check_query(request, ())
        order = await read_json(request, CatalogSurveyOrder, self._max_json_bytes)
        async with self._room.members(order.set) as members:
            return json_response(CatalogSurvey(order.set, await self._repair.settled(order.set, members)))

    async def _run(self, request: web.Request, *, write: bool) -> CatalogBranch:
        check_query(request, ())
        order = await read_json(request, CatalogOrder, self._max_json_bytes)
        audit_facts(request, set=order.set, branch=order.branch)
        async with self._room.members(order.set) as members:
            return await self._repair.branch(order.set, members, int(order.branch, 16), write=write)
