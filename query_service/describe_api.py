"""PATCH /v1/assets/{asset_id}: other tags, context, title or alternative text, by a JSON merge patch.

Owns the route and its `If-Match`: the `version` that the client has seen, in quotes. The node decides, for it
has the record and changes it in one commit. Refuses what no record could take before a node is asked.
"""

from __future__ import annotations

import re

from aiohttp import web

from atoll.asset_edits import Describe
from atoll.descriptions import Patch, check_patch
from atoll.errors import BadRequest, TypeMismatch
from atoll.http import json_response, read_json
from query_service.clients import PARAMETERS
from query_service.edit_answers import EditAnswers
from query_service.edit_subjects import EditSubjects
from query_service.edits import Edits
from query_service.query_input import asset_id_of, check_query
from query_service.routing import Route

MEDIA = ("application/merge-patch+json", "application/json")

_MATCH = re.compile(r'"?([0-9a-z]{26})"?', re.ASCII)


class DescribeApi:
    """Changes the words of one asset."""

    def __init__(
        self, subjects: EditSubjects, edits: Edits, answers: EditAnswers, max_json_bytes: int
    ) -> None:
        self._subjects, self._edits, self._answers = subjects, edits, answers
        self._max_json_bytes = max_json_bytes

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("PATCH", "/v1/assets/{asset_id}", "write", self.patch, reach="inside")]

    async def patch(self, request: web.Request) -> web.Response:
        """200 with the asset as it is now, once a node of its set has made that durable."""
        check_query(request, PARAMETERS)
        asset_id, expected = asset_id_of(request), _expected(request)
        if request.content_type not in (*MEDIA, "application/octet-stream"):  # the last: none was said
            raise TypeMismatch(f"A patch is {MEDIA[0]}.", got=request.content_type[:80])
        patch = await read_json(request, Patch, self._max_json_bytes)
        check_patch(patch)
        asset = await self._subjects.asset(request, asset_id)
        record = asset.record
        order = Describe(
            asset_id=asset_id, set=record.set, seen=record.version, patch=patch, expected=expected
        )
        result = await self._edits.order(order)
        return json_response(self._answers.view(request, result.records[-1], asset.locations))


def _expected(request: web.Request) -> str | None:
    """The version in `If-Match`; None for none, and for `*`, which any asset matches that is there."""
    text = request.headers.get("If-Match")
    if text is None or text.strip() == "*":
        return None
    found = _MATCH.fullmatch(text.strip())
    if found is None:
        raise BadRequest("If-Match is the asset's version in quotes, or *.", header="If-Match", got=text[:80])
    return found[1]
