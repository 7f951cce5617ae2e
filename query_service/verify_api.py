"""POST /v1/verify: the proof over one branch of a set. Whoever wants all of it walks the 256 branches.

In branches because a proof over millions of images must show its progress, be broken off and be resumed,
and because no single request may hold a service for an hour.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.errors import NotFound, Overloaded
from atoll.http import json_response, read_json
from query_service.cluster_view import Views
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.verification import Verification

AT_ONCE = 4  # branches; each asks every node of its set many things


class VerifyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which branch (two hex digits) of which set; `deep`: every node reads and hashes all of it now."""

    set: Annotated[str, Meta(max_length=64)]
    branch: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}$(?!\n)")]
    deep: bool = False


class VerifyApi:
    """The one route."""

    def __init__(self, verification: Verification, views: Views, max_json_bytes: int) -> None:
        self._verification, self._views, self._max_json_bytes = verification, views, max_json_bytes
        self._room = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[Route]:
        """It changes nothing, but costs much."""
        return [Route("POST", "/v1/verify", "admin", self.verify, reach="whole", audit=False)]

    async def verify(self, request: web.Request) -> web.Response:
        """What the members hold of the branch, asked now."""
        check_query(request, ())
        order = await read_json(request, VerifyOrder, self._max_json_bytes)
        members = self._views.current().cluster.members(order.set)
        if not members:
            raise NotFound("There is no such set, or it has no nodes.", set=order.set)
        if self._room.locked():
            raise Overloaded("Enough is being verified already.", limit=AT_ONCE, retry_after=1)
        async with self._room:
            view = await self._verification.branch(order.set, members, int(order.branch, 16), deep=order.deep)
        return json_response(view, headers={"Cache-Control": "no-store"})
