"""POST /v1/verify: the proof over one branch of a set. Whoever wants all of it asks for a survey first, and
walks those of the 256 branches that are left.

In branches because a proof over millions of images must show its progress, be broken off and be resumed,
and because no single request may hold a service for an hour.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.http import json_response, read_json
from query_service.branch_view import BranchView
from query_service.cluster_view import Views
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.verification import Verification
from query_service.walk_room import WalkRoom


class VerifyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Which branch (two hex digits) of which set; `deep`: every node reads and hashes all of it now."""

    set: Annotated[str, Meta(max_length=64)]
    branch: Annotated[str, Meta(pattern=r"^[0-9a-f]{2}$(?!\n)")]
    deep: bool = False


class VerifySurveyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which set; `deep`: as in the walk that follows."""

    set: Annotated[str, Meta(max_length=64)]
    deep: bool = False


class VerifySurvey(Struct, frozen=True):
    """The branches of a set that one look at its nodes has proven. The others are to be walked."""

    set: str
    settled: list[BranchView]


class VerifyApi:
    """The proof over a branch, and what need not be walked."""

    def __init__(self, verification: Verification, views: Views, max_json_bytes: int) -> None:
        self._verification, self._max_json_bytes = verification, max_json_bytes
        self._room = WalkRoom(views, "verified")

    def routes(self) -> list[Route]:
        """It changes nothing, but costs much."""
        return [
            Route("POST", "/v1/verify", "admin", self.verify, reach="whole", audit=False),
            Route("POST", "/v1/verify/survey", "admin", self.survey, reach="whole", audit=False),
        ]

    async def verify(self, request: web.Request) -> web.Response:
        """What the members hold of the branch, asked now."""
        check_query(request, ())
        order = await read_json(request, VerifyOrder, self._max_json_bytes)
        async with self._room.members(order.set) as members:
            view = await self._verification.branch(order.set, members, int(order.branch, 16), deep=order.deep)
        return json_response(view, headers={"Cache-Control": "no-store"})

    async def survey(self, request: web.Request) -> web.Response:
        """What need not be walked."""
        check_query(request, ())
        order = await read_json(request, VerifySurveyOrder, self._max_json_bytes)
        async with self._room.members(order.set) as members:
            settled = await self._verification.settled(order.set, members, deep=order.deep)
        return json_response(VerifySurvey(order.set, settled), headers={"Cache-Control": "no-store"})
