"""GET and POST /v1/scrub: how far every node is with reading its blobs again, and pausing it. Asked now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from atoll.errors import NotFound
from atoll.http import json_response, read_json
from atoll.model import Node
from atoll.scrub_api import ScrubOrder, ScrubStatus
from query_service.audit_guard import audit_facts
from query_service.cluster_view import Views
from query_service.query_input import check_query
from query_service.routing import Route
from query_service.testimony import Testimony, Witnesses

_PATH = "/internal/v1/scrub"
_FRESH = {"Cache-Control": "no-store"}


class ScrubChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Pause or go on, on these nodes; on all when none is named."""

    paused: bool
    nodes: Annotated[tuple[str, ...], Meta(max_length=1000)] = ()


class ScrubApi:
    """Passes it on to the nodes."""

    def __init__(self, witnesses: Witnesses, views: Views, max_json_bytes: int) -> None:
        self._witnesses, self._views, self._max_json_bytes = witnesses, views, max_json_bytes

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route("GET", "/v1/scrub", "read", self.show, reach="whole"),
            Route("POST", "/v1/scrub", "admin", self.change, reach="whole"),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Every node's scrubbing; who could not be asked is named."""
        check_query(request, ())
        answers = await self._witnesses.ask(self._nodes(()), "GET", _PATH, ScrubStatus)
        return json_response(_view(answers), headers=_FRESH)

    async def change(self, request: web.Request) -> web.Response:
        """Pause or resume; each node remembers it over restarts."""
        check_query(request, ())
        order = await read_json(request, ScrubChange, self._max_json_bytes)
        audit_facts(request, paused=order.paused, nodes=",".join(order.nodes) or "all")
        nodes = self._nodes(order.nodes)
        body = ScrubOrder(order.paused)
        answers = await self._witnesses.ask(nodes, "POST", _PATH, ScrubStatus, body=body)
        return json_response(_view(answers), headers=_FRESH)

    def _nodes(self, names: Collection[str]) -> list[Node]:
        cluster = self._views.current().cluster
        if unknown := sorted(set(names) - cluster.nodes.keys()):
            raise NotFound(f"There is no node {unknown[0]!r}.", nodes=unknown)
        nodes = sorted(cluster.nodes.values(), key=lambda node: node.name)
        return [n for n in nodes if n.state != "removed" and (not names or n.name in names)]


def _view(answers: Testimony[ScrubStatus]) -> dict[str, object]:
    return {"nodes": list(answers.said.values()), "unasked": dict(answers.unasked)}
